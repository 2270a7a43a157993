// Talking to a foreign registry: URLs, challenges, tokens, redirects, errors.
#include "registry/remote.h"

#include <atomic>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/strings.h"
#include "codec/form.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "registry/errors.h"

namespace slipway::registry {

namespace {

constexpr int max_redirects = 5;

// Registries on this machine speak plain HTTP, as Docker allows for them.
bool loopback(std::string_view domain) {
  if (domain.substr(0, 5) == "[::1]") return true;
  const std::string host = split_once(domain, ':').first;
  return host == "localhost" || host.ends_with(".localhost") || host.substr(0, 4) == "127.";
}

std::string base_url(std::string_view domain) {
  // Docker Hub's names and its registry's host differ.
  const std::string host = domain == "docker.io" ? "registry-1.docker.io" : std::string(domain);
  return (loopback(domain) ? "http://" : "https://") + host;
}

std::string origin_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  return std::string(url.substr(0, url.find('/', scheme + 3)));
}

// key="value", key=value, ...
std::map<std::string, std::string> challenge_parameters(std::string_view text) {
  std::map<std::string, std::string> out;
  size_t at = 0;
  while (at < text.size()) {
    const size_t equals = text.find('=', at);
    if (equals == std::string_view::npos) break;
    const std::string key = to_lower(trim(text.substr(at, equals - at)));
    size_t end;
    std::string_view value;
    if (equals + 1 < text.size() && text[equals + 1] == '"') {
      end = text.find('"', equals + 2);
      if (end == std::string_view::npos) break;
      value = text.substr(equals + 2, end - equals - 2);
      end = text.find(',', end);
    } else {
      end = text.find(',', equals);
      value = trim(text.substr(equals + 1, end == std::string_view::npos ? end : end - equals - 1));
    }
    out[key] = std::string(value);
    if (end == std::string_view::npos) break;
    at = end + 1;
  }
  return out;
}

std::string basic(const Credentials& credentials) {
  return "Basic " + base64_encode(credentials.username + ":" + credentials.password);
}

Kind kind_of_status(int status) {
  switch (status) {
    case 401:
      return Kind::unauthorized;
    case 403:
      return Kind::forbidden;
    case 404:
      return Kind::not_found;
    default:
      return status >= 500 || status == 429 ? Kind::unavailable : Kind::invalid_argument;
  }
}

}  // namespace

bool local_domain(std::string_view domain) {
  return parse_domain(domain).has_value();
}

std::string short_id(std::string_view digest) {
  return std::string(digest.substr(digest.find(':') + 1, 12));
}

Remote::Remote(const ClientDeps& deps, std::string_view domain, std::string path,
               std::optional<Credentials> credentials, bool for_push)
    : Remote(domain, std::move(path), std::move(credentials), for_push,
             std::find(deps.insecure.begin(), deps.insecure.end(), domain) != deps.insecure.end()
                 ? "http://" + std::string(domain)
                 : std::string()) {}

Remote::Remote(std::string_view domain, std::string path, std::optional<Credentials> credentials,
               bool for_push, std::string base)
    : base_(base.empty() ? base_url(domain) : std::move(base)),
      path_(std::move(path)),
      credentials_(std::move(credentials)),
      for_push_(for_push) {}

std::string parse_mirror(std::string_view url) {
  const auto parsed = net::parse_url(url);
  if ((parsed.scheme != "http" && parsed.scheme != "https") || parsed.path_and_query.size() > 1)
    throw invalid_argument(
        "a registry mirror is an http or https address without a path, not \"{}\"",
        url.substr(0, 200));
  return url.ends_with('/') ? std::string(url.substr(0, url.size() - 1)) : std::string(url);
}

std::string Remote::url(std::string_view rest) const {
  if (path_.empty()) return base_ + "/v2/" + std::string(rest);
  return fmt::format("{}/v2/{}/{}", base_, path_, rest);
}

std::string Remote::absolute(std::string_view location) const {
  if (location.find("://") != std::string_view::npos) return std::string(location);
  if (location.substr(0, 1) != "/")
    throw unavailable("{} answered with an unusable Location \"{}\"", base_,
                      location.substr(0, 200));
  return base_ + std::string(location);
}

std::unique_ptr<net::ClientResponse> Remote::send(const MakeRequest& make, const Stop& stop) {
  for (bool again = false;; again = true) {
    auto request = make();
    // Credentials go to the registry itself only, never to where it points.
    const bool ours = origin_of(request.url) == base_;
    const std::string used = *authorization_.lock();
    if (ours && !used.empty()) request.headers.set("Authorization", used);
    auto response = net::request(request, stop);
    if (response->status() == 401 && ours && !again) {
      if (*authorization_.lock() != used) continue;  // another thread has asked meanwhile
      const std::string challenge(response->headers().get("WWW-Authenticate"));
      if (authenticate(challenge, stop)) continue;
    }
    return follow(std::move(request), std::move(response), stop);
  }
}

std::unique_ptr<net::ClientResponse> Remote::follow(net::ClientRequest request,
                                                    std::unique_ptr<net::ClientResponse> response,
                                                    const Stop& stop) {
  if (request.method != "GET" && request.method != "HEAD") return response;
  for (int hops = 0; response->status() / 100 == 3; ++hops) {
    const std::string_view location = response->headers().get("Location");
    if (location.empty()) return response;
    if (hops == max_redirects) throw unavailable("{}: more than {} redirects", base_, hops);
    const std::string from = origin_of(request.url);
    request.url = location.substr(0, 1) == "/" ? from + std::string(location) : absolute(location);
    const std::string to = origin_of(request.url);
    if (from.substr(0, 8) == "https://" && to.substr(0, 8) != "https://")
      throw unavailable("{} redirects to {}, which is not encrypted", from, to);
    if (to != base_) request.headers.remove("Authorization");
    response = net::request(request, stop);
  }
  return response;
}

// True: try again with the new Authorization header.
bool Remote::authenticate(std::string_view challenge, const Stop& stop) {
  const auto scheme = split_once(challenge, ' ').first;
  if (credentials_ && !credentials_->registry_token.empty()) {
    const std::string value = "Bearer " + credentials_->registry_token;
    auto known = authorization_.lock();
    if (*known == value) return false;
    *known = value;
    return true;
  }
  if (iequals(scheme, "Basic")) {
    if (!credentials_ || credentials_->username.empty())
      throw unauthorized("no basic auth credentials");
    const std::string value = basic(*credentials_);
    auto known = authorization_.lock();
    if (*known == value) return false;
    *known = value;
    return true;
  }
  if (!iequals(scheme, "Bearer")) return false;
  const std::string token = bearer_token(challenge, stop);
  *authorization_.lock() = "Bearer " + token;
  return true;
}

std::unique_ptr<net::ClientResponse> Remote::ask_for_token(const std::string& realm,
                                                           const std::string& service,
                                                           const Stop& stop) const {
  Pairs query;
  if (!service.empty()) query.emplace_back("service", service);
  if (!path_.empty())
    query.emplace_back("scope",
                       fmt::format("repository:{}:{}", path_, for_push_ ? "pull,push" : "pull"));
  net::ClientRequest request;
  if (credentials_ && !credentials_->identity_token.empty()) {
    query.insert(query.end(), {{"grant_type", "refresh_token"},
                               {"client_id", "slipway"},
                               {"refresh_token", credentials_->identity_token}});
    request.method = "POST";
    request.url = realm;
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body = encode_query(query);
    return net::request(request, stop);
  }
  request.url = realm + (realm.find('?') == std::string::npos ? "?" : "&") + encode_query(query);
  if (credentials_) request.headers.set("Authorization", basic(*credentials_));
  return net::request(request, stop);
}

std::string Remote::bearer_token(std::string_view challenge, const Stop& stop) {
  auto parameters = challenge_parameters(split_once(challenge, ' ').second);
  const std::string& realm = parameters["realm"];
  const bool encrypted = realm.substr(0, 8) == "https://";
  if (!encrypted && (base_.substr(0, 8) == "https://" || realm.substr(0, 7) != "http://"))
    throw unavailable("{} names \"{}\" as its token server, which is not an https address", base_,
                      realm.substr(0, 200));
  const auto response = ask_for_token(realm, parameters["service"], stop);
  if (response->status() != 200) throw remote_error(*response, realm);
  const Json body = parse_json(response->read_all(1 << 20), "the token server's answer");
  for (const char* member : {"token", "access_token"})
    if (body.is_object() && body.contains(member) && body[member].is_string())
      return body[member].get<std::string>();
  throw unavailable("the token server {} gave no token", origin_of(realm));
}

Error remote_error(net::ClientResponse& response, std::string_view what) {
  const Kind kind = kind_of_status(response.status());
  try {
    const Json body = parse_json(response.read_all(64 * 1024), "error");
    const Json& first = body.at("errors").at(0);
    return Error(kind, docker_text(first.at("code").get<std::string>(),
                                   first.value("message", std::string())));
  } catch (const std::exception&) {  // no registry error; the status must do
    return Error(kind, fmt::format("{}: the registry answered {}", what, response.status()));
  }
}

void in_parallel(size_t count, size_t width, const Stop& stop,
                 const std::function<void(size_t, const Stop&)>& task) {
  const Stop all = stop.child();
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    for (size_t i; !all.requested() && (i = next++) < count;) {
      try {
        task(i, all);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        all.request();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (size_t i = 1; i < std::min(width, count); ++i) threads.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
  stop.throw_if_requested();
}

}  // namespace slipway::registry
