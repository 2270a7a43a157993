// Registry credentials as the CLI sends them: X-Registry-Auth, X-Registry-Config and the body of
// POST /auth. Never logged.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "codec/json.h"
#include "registry/client.h"

namespace slipway::docker {

struct Login {
  std::string domain;
  registry::Credentials credentials;
};

// "https://index.docker.io/v1/" -> "docker.io", "http://host:5000/v2/" -> "host:5000".
std::string domain_of_server(std::string_view server_address);
// nullopt without a user name or a token.
std::optional<Login> parse_auth(const Json& auth);
// The header's base64url JSON; empty or {}: nullopt.
std::optional<registry::Credentials> parse_auth_header(std::string_view header);
// {"registry": auth, ...} in base64url.
std::map<std::string, registry::Credentials> parse_config_header(std::string_view header);

}  // namespace slipway::docker
