// Registry tokens: base64(JSON claims) "." base64(HMAC-SHA256 of the first part).
#include "registry/tokens.h"

#include "base/ids.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "registry/repositories.h"

namespace slipway::registry {

namespace {

constexpr std::string_view secret_table = "registry_secret";
constexpr std::string_view key_name = "token-key";

RegistryError not_authorized() {
  return RegistryError(Code::unauthorized, Kind::unauthorized, "Not Authorized");
}

}  // namespace

Tokens::Tokens(store::Store& store, const Clock& clock) : clock_(clock) {
  const auto load = [&](const store::Reader& db) {
    const auto row = db.get(secret_table, key_name);
    if (row) key_ = from_hex(Json::parse(*row->value).at("key").get<std::string>());
    return row.has_value();
  };
  bool known = false;
  store.read([&](const store::Reader& db) { known = load(db); });
  if (known) return;
  const std::string fresh = random_bytes(32);
  store.write([&](store::Writer& db) {
    if (!load(db)) db.put(secret_table, key_name, Json{{"key", to_hex(fresh)}}.dump());
  });
  if (key_.empty()) key_ = fresh;
}

Tokens::Minted Tokens::mint(const Principal& principal, microseconds valid_for) const {
  const TimePoint expires = clock_.now() + valid_for;
  const Json claims = {{"account", principal.account},
                       {"arn", principal.arn},
                       {"expires", to_epoch_ms(expires)},
                       {"nonce", random_hex(16)}};
  const std::string body = base64_encode(claims.dump());
  return {body + "." + base64_encode(hmac_sha256(key_, body)), expires};
}

Principal Tokens::verify(std::string_view username, std::string_view password) const {
  const auto dot = password.rfind('.');
  if (username != "AWS" || dot == std::string_view::npos || password.size() > 8192)
    throw not_authorized();
  const auto body = password.substr(0, dot);
  if (!equal_constant_time(password.substr(dot + 1), base64_encode(hmac_sha256(key_, body))))
    throw not_authorized();
  const Json claims = Json::parse(base64_decode(body));  // ours: the signature says so
  if (claims.at("expires").get<int64_t>() <= to_epoch_ms(clock_.now()))
    throw RegistryError(Code::denied, Kind::forbidden,
                        "Your authorization token has expired. Reauthenticate and try again.");
  return {claims.at("account").get<std::string>(), claims.at("arn").get<std::string>()};
}

}  // namespace slipway::registry
