#include "aws/credentials.h"

#include "base/error.h"
#include "base/ids.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "store/table.h"

namespace slipway::aws {

static void to_json(Json& j, const Credential& c) {
  j = {{"id", c.access_key_id},        {"secret", c.secret_access_key},
       {"principal", c.principal_arn}, {"user_id", c.user_id},
       {"active", c.active},           {"created", to_epoch_ms(c.created)}};
  if (!c.session_token.empty()) j["token"] = c.session_token;
  if (!c.user_name.empty()) j["user"] = c.user_name;
  if (c.expires) j["expires"] = to_epoch_ms(*c.expires);
}

static void from_json(const Json& j, Credential& c) {
  j.at("id").get_to(c.access_key_id);
  j.at("secret").get_to(c.secret_access_key);
  j.at("principal").get_to(c.principal_arn);
  j.at("user_id").get_to(c.user_id);
  c.active = j.value("active", true);
  c.created = from_epoch_ms(j.value("created", int64_t{0}));
  c.session_token = j.value("token", "");
  c.user_name = j.value("user", "");
  if (j.contains("expires")) c.expires = from_epoch_ms(j["expires"].get<int64_t>());
}

namespace {

// Sessions stand apart, so that clearing the expired ones does not walk the lasting keys.
constexpr store::Table<Credential> kKeys("aws.keys");
constexpr store::Table<Credential> kSessions("aws.sessions");
constexpr std::string_view kRootUser = "<root>";  // user_name of the key made at first start
constexpr uint64_t kMintsBetweenSweeps = 64;

std::string root_arn(const std::string& account) {
  return fmt::format("arn:aws:iam::{}:root", account);
}

Credential new_key(std::string_view prefix, std::string principal, std::string user_id,
                   TimePoint now) {
  Credential c;
  c.access_key_id = make_unique_id(prefix);
  c.secret_access_key = random_alphanumeric(40);
  c.principal_arn = std::move(principal);
  c.user_id = std::move(user_id);
  c.created = now;
  return c;
}

std::string derived_role_id(std::string_view role_arn) {
  return "AROA" + to_upper(sha256_hex(role_arn).substr(0, 17));
}

}  // namespace

std::string make_unique_id(std::string_view prefix) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out(prefix);
  // Access keys have 20 characters, the ids of users and roles 21.
  const size_t count = prefix == "AKIA" || prefix == "ASIA" ? 16 : 17;
  for (unsigned char byte : random_bytes(count)) out += kAlphabet[byte % kAlphabet.size()];
  return out;
}

Credential ensure_root_key(store::Writer& db, const std::string& account, TimePoint now,
                           const std::optional<GivenKey>& given) {
  if (given) {
    if (given->access_key_id.empty() || given->secret_access_key.empty())
      throw invalid_argument("an access key needs an id and a secret");
    Credential c;
    c.access_key_id = given->access_key_id;
    c.secret_access_key = given->secret_access_key;
    c.principal_arn = root_arn(account);
    c.user_id = account;
    c.created = now;
    if (auto known = kKeys.get(db, c.access_key_id)) c.created = known->created;
    kKeys.put(db, c.access_key_id, c);
    return c;
  }
  for (auto& key : kKeys.scan(db))
    if (key->user_name == kRootUser && key->principal_arn == root_arn(account)) return *key;
  Credential c = new_key("AKIA", root_arn(account), account, now);
  c.user_name = kRootUser;
  kKeys.put(db, c.access_key_id, c);
  return c;
}

std::optional<Credential> find_credential(const store::Reader& db, std::string_view access_key_id) {
  if (auto key = kKeys.get(db, access_key_id)) return *key;
  if (auto session = kSessions.get(db, access_key_id)) return *session;
  return std::nullopt;
}

Credential make_user_key(store::Writer& db, const std::string& user_arn, const std::string& user_id,
                         const std::string& user_name, TimePoint now) {
  Credential c = new_key("AKIA", user_arn, user_id, now);
  c.user_name = user_name;
  kKeys.put(db, c.access_key_id, c);
  return c;
}

std::vector<Credential> user_keys(const store::Reader& db, std::string_view user_name) {
  std::vector<Credential> out;
  for (auto& key : kKeys.scan(db))
    if (key->user_name == user_name) out.push_back(*key);
  return out;
}

bool set_key_active(store::Writer& db, std::string_view access_key_id, bool active) {
  auto key = kKeys.get(db, access_key_id);
  if (!key) return false;
  Credential changed = *key;
  changed.active = active;
  kKeys.put(db, access_key_id, changed);
  return true;
}

bool erase_key(store::Writer& db, std::string_view access_key_id) {
  return kKeys.erase(db, access_key_id);
}

std::string assumed_role_arn(std::string_view role_arn, std::string_view session_name) {
  auto parts = split(role_arn, ':');
  if (parts.size() != 6 || parts[2] != "iam" || !parts[5].starts_with("role/") ||
      parts[5].back() == '/')
    throw invalid_argument("{} is not the ARN of a role", role_arn);
  // The path of a role is no part of its sessions' names.
  const std::string name = parts[5].substr(parts[5].rfind('/') + 1);
  return fmt::format("arn:aws:sts::{}:assumed-role/{}/{}", parts[4], name, session_name);
}

Credential mint_session(store::Writer& db, const std::string& role_arn,
                        const std::string& session_name, seconds ttl, TimePoint now,
                        const std::string& role_id) {
  const std::string id = role_id.empty() ? derived_role_id(role_arn) : role_id;
  return mint_session_of(db, assumed_role_arn(role_arn, session_name), id + ":" + session_name, ttl,
                         now);
}

Credential mint_session_of(store::Writer& db, const std::string& principal_arn,
                           const std::string& user_id, seconds ttl, TimePoint now) {
  static std::atomic<uint64_t> mints{0};
  if (++mints % kMintsBetweenSweeps == 0) erase_expired_sessions(db, now);
  Credential c = new_key("ASIA", principal_arn, user_id, now);
  c.session_token = base64_encode(random_bytes(132));
  c.expires = now + ttl;
  kSessions.put(db, c.access_key_id, c);
  return c;
}

size_t erase_expired_sessions(store::Writer& db, TimePoint now) {
  size_t count = 0;
  for (auto& session : kSessions.scan(db)) {
    if (!session->expires || *session->expires + seconds(3600) > now) continue;
    kSessions.erase(db, session->access_key_id);
    ++count;
  }
  return count;
}

}  // namespace slipway::aws
