#include "docker/auth.h"

#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "docker/fields.h"

namespace slipway::docker {
namespace {

Json decode_header(std::string_view header, std::string_view name) {
  Json out;
  try {
    out = parse_json(base64_decode(trim(header)));
  } catch (const Error&) {  // its text could quote a secret
    throw invalid_argument("malformed {} header: want base64url of JSON", name);
  }
  if (out.is_null()) return Json::object();
  if (!out.is_object()) throw invalid_argument("malformed {} header: want an object", name);
  return out;
}

}  // namespace

std::string domain_of_server(std::string_view server) {
  if (const auto scheme = server.find("://"); scheme != std::string_view::npos) {
    server.remove_prefix(scheme + 3);
  }
  auto host = to_lower(server.substr(0, server.find('/')));
  if (host.empty() || host == "index.docker.io" || host == "registry-1.docker.io") {
    return "docker.io";
  }
  return host;
}

std::optional<Login> parse_auth(const Json& auth) {
  Login out;
  out.domain = domain_of_server(text_field(auth, "serveraddress"));
  out.credentials.username = text_field(auth, "username");
  out.credentials.password = text_field(auth, "password");
  // The form that configuration files hold.
  if (const auto both = text_field(auth, "auth");
      out.credentials.username.empty() && !both.empty()) {
    std::tie(out.credentials.username, out.credentials.password) =
        split_once(base64_decode(both), ':');
  }
  out.credentials.identity_token = text_field(auth, "identitytoken");
  out.credentials.registry_token = text_field(auth, "registrytoken");
  const bool token =
      !out.credentials.identity_token.empty() || !out.credentials.registry_token.empty();
  if (out.credentials.username.empty() && !token) return std::nullopt;
  return out;
}

std::optional<registry::Credentials> parse_auth_header(std::string_view header) {
  if (trim(header).empty()) return std::nullopt;
  const auto login = parse_auth(decode_header(header, "X-Registry-Auth"));
  if (!login) return std::nullopt;
  return login->credentials;
}

std::map<std::string, registry::Credentials> parse_config_header(std::string_view header) {
  std::map<std::string, registry::Credentials> out;
  if (trim(header).empty()) return out;
  const auto config = decode_header(header, "X-Registry-Config");
  for (const auto& [server, auth] : config.items()) {
    if (!auth.is_object()) throw invalid_argument("malformed X-Registry-Config header");
    const auto login = parse_auth(auth);
    if (login) out[domain_of_server(server)] = login->credentials;
  }
  return out;
}

}  // namespace slipway::docker
