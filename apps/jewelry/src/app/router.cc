// Matching, and the one place where exceptions become HTTP.
#include "app/router.h"

#include <iostream>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "cart/cart.h"
#include "order/order.h"

namespace jewelry {

namespace {

constexpr size_t kMaxBody = 64 * 1024;

const char* title_of(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 422:
      return "Unprocessable Content";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

Problem problem_of(const slipway::Error& error) {
  using slipway::Kind;
  switch (error.kind()) {
    case Kind::not_found:
      return {404, "not_found", error.what()};
    case Kind::invalid_argument:
      return {422, "invalid", error.what()};
    case Kind::conflict:
      return {409, "conflict", error.what()};
    case Kind::too_large:
      return {413, "too_large", "the request's body is too large"};
    case Kind::unavailable:
      return {503, "unavailable", "the shop is busy, please try again"};
    default:
      return {500, "internal", "something went wrong on our side"};
  }
}

bool match(const std::vector<std::string>& pattern, const std::vector<std::string>& parts,
           std::map<std::string, std::string>& names) {
  if (pattern.size() != parts.size()) return false;
  names.clear();
  for (size_t i = 0; i < parts.size(); ++i) {
    if (pattern[i].starts_with('{')) {
      if (parts[i].empty()) return false;
      names[pattern[i].substr(1, pattern[i].size() - 2)] = slipway::percent_decode(parts[i]);
    } else if (pattern[i] != parts[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

Answer json(const Json& value, int status) {
  return {.status = status, .body = value.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

Answer answer_of(const Problem& problem, const std::string& path) {
  Json body = {{"type", "about:blank"},    {"title", title_of(problem.status)},
               {"status", problem.status}, {"code", problem.code},
               {"detail", problem.what()}, {"instance", path}};
  if (problem.more.is_object()) body.update(problem.more);
  Answer answer = json(body, problem.status);
  answer.type = "application/problem+json";
  if (problem.status == 503) answer.headers.set("Retry-After", "1");
  return answer;
}

void Router::add(std::string method, const std::string& pattern, Action action) {
  routes_.push_back({std::move(method), slipway::split(pattern, '/'), std::move(action)});
}

Answer Router::dispatch(slipway::net::Exchange& exchange) const {
  const auto& request = exchange.request();
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  const auto parts = slipway::split(request.path, '/');
  Call call{request, {}, {}, {}};
  std::set<std::string> allowed;
  for (const auto& route : routes_) {
    if (!match(route.parts, parts, call.path)) continue;
    if (route.method != method) {
      allowed.insert(route.method);
      continue;
    }
    call.query = slipway::parse_query(request.query);
    if (method != "GET") call.body = exchange.read_all(kMaxBody);
    return route.action(call);
  }
  if (allowed.empty()) throw Problem(404, "not_found", "there is nothing at " + request.path);
  Answer answer = answer_of(
      Problem(405, "method_not_allowed", "this address does not take " + method), request.path);
  answer.headers.set("Allow", fmt::format("{}", fmt::join(allowed, ", ")));
  return answer;
}

Answer Router::run(slipway::net::Exchange& exchange) const {
  const std::string& path = exchange.request().path;
  try {
    return dispatch(exchange);
  } catch (const Problem& problem) {
    return answer_of(problem, path);
  } catch (const OutOfStock& refusal) {
    return answer_of(Problem(409, "out_of_stock", refusal.what(),
                             {{"sku", refusal.sku()}, {"available", refusal.available()}}),
                     path);
  } catch (const KeyReused& refusal) {
    return answer_of(Problem(422, "idempotency_key_reused", refusal.what()), path);
  } catch (const UnknownSku& refusal) {
    return answer_of(Problem(422, "unknown_sku", refusal.what()), path);
  } catch (const slipway::Error& error) {
    const Problem problem = problem_of(error);
    if (problem.status >= 500) slipway::log::error("shop", "{}: {}", path, error.what());
    return answer_of(problem, path);
  } catch (const std::exception& error) {
    slipway::log::error("shop", "{}: {}", path, error.what());
    return answer_of(Problem(500, "internal", "something went wrong on our side"), path);
  }
}

void log_access(const slipway::net::Request& request, const Answer& answer, double milliseconds) {
  std::string target;
  for (const char c : request.target.substr(0, 1000)) {
    if (c > ' ' && c < 0x7f) {
      target += c;
    } else {
      target += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  const std::string line = fmt::format(
      "{} {} {} {} {} {}B {:.1f}ms\n", slipway::to_rfc3339(slipway::SystemClock().now(), 3),
      request.peer, request.method, target, answer.status, answer.body.size(), milliseconds);
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

}  // namespace jewelry
