#include "docker/call.h"

#include "base/error.h"
#include "base/strings.h"

namespace slipway::docker {
namespace {
constexpr size_t kMaxBody = 4u << 20;
}

bool Call::flag(std::string_view key, bool fallback) const {
  const auto value = to_lower(text(key, fallback ? "1" : ""));
  return !(value.empty() || value == "0" || value == "no" || value == "false" || value == "none");
}

std::optional<int64_t> Call::number(std::string_view key) const {
  const auto value = text(key);
  if (value.empty()) return std::nullopt;
  const auto parsed = parse_int(value);
  if (!parsed) throw invalid_argument("invalid value \"{}\" for {}: not a number", value, key);
  return parsed;
}

Json Call::body() const {
  const auto text = exchange.read_all(kMaxBody);
  if (trim(text).empty()) return Json::object();
  auto value = parse_json(text, "request body");
  if (!value.is_object()) throw invalid_argument("request body: want a JSON object");
  return value;
}

net::Headers Call::headers(std::string_view content_type) const {
  net::Headers out = {{"Api-Version", fmt::format("1.{}", kMaxMinor)},
                      {"Docker-Experimental", "false"},
                      {"Ostype", "linux"},
                      {"Server", fmt::format("Slipway/{} (linux)", deps.version)}};
  if (!content_type.empty()) out.add("Content-Type", std::string(content_type));
  return out;
}

void Call::json(int status, const Json& value) const {
  exchange.respond(status, headers("application/json"), dump(value) + "\n");
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int status_of(const Error& error) {
  switch (error.kind()) {
    case Kind::not_found:
      return 404;
    case Kind::conflict:
      return 409;
    case Kind::invalid_argument:
      return 400;
    case Kind::not_modified:
      return 304;
    case Kind::unauthorized:
      return 401;
    case Kind::forbidden:
      return 403;
    case Kind::too_large:
      return 413;
    case Kind::timeout:
      return 504;
    case Kind::cancelled:
    case Kind::unavailable:
      return 503;
    case Kind::unimplemented:
      return 501;
    case Kind::internal:
      break;
  }
  return 500;
}

Json error_body(std::string_view message) {
  return {{"message", message}};
}

void JsonLines::begin() {
  if (!begun()) call_.exchange.begin(200, call_.headers("application/json"));
}

void JsonLines::write(const Json& value) {
  begin();
  call_.exchange.write(dump(value) + "\r\n");
}

void JsonLines::finish() {
  begin();
  call_.exchange.finish();
}

void JsonLines::fail(const Error& error, int code) {
  if (!begun()) throw;
  Json detail = {{"message", error.what()}};
  if (code != 0) detail["code"] = code;
  write({{"errorDetail", detail}, {"error", error.what()}});
  call_.exchange.finish();
}

}  // namespace slipway::docker
