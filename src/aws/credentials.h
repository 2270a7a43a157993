// Access keys: the root key made at first start, keys of IAM users, and the temporary ones of
// sessions (AssumeRole, GetSessionToken, task roles). They live in the store like everything else;
// secrets never leave it except in the reply that hands them out.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/store.h"

namespace slipway::aws {

struct Credential {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // temporary credentials only
  std::string
      principal_arn;      // "arn:aws:iam::123456789012:root", ".../user/x", ".../assumed-role/r/s"
  std::string user_id;    // for GetCallerIdentity: account, AIDA..., AROA...:session
  std::string user_name;  // IAM users only
  bool active = true;
  TimePoint created{};
  std::optional<TimePoint> expires;  // temporary credentials only

  bool temporary() const { return expires.has_value(); }
};

struct GivenKey {
  std::string access_key_id, secret_access_key;
};

// The root user's key: the given one (kept under its id from then on), else the one made at the
// first start. Idempotent.
Credential ensure_root_key(store::Writer& db, const std::string& account, TimePoint now,
                           const std::optional<GivenKey>& given = {});

// Also when inactive or expired: the caller decides.
std::optional<Credential> find_credential(const store::Reader& db, std::string_view access_key_id);

// A key for an IAM user (at most two are kept by AWS's rule; that is iam/'s to check).
Credential make_user_key(store::Writer& db, const std::string& user_arn, const std::string& user_id,
                         const std::string& user_name, TimePoint now);
std::vector<Credential> user_keys(const store::Reader& db, std::string_view user_name);
bool set_key_active(store::Writer& db, std::string_view access_key_id, bool active);
bool erase_key(store::Writer& db, std::string_view access_key_id);

// Temporary credentials of a role: what AssumeRole answers and what a task gets. role_id (AROA...)
// is part of the caller's identity; when empty it is derived from the ARN. Expired sessions are
// cleared on the way.
Credential mint_session(store::Writer& db, const std::string& role_arn,
                        const std::string& session_name, seconds ttl, TimePoint now,
                        const std::string& role_id = {});
// The same identity for a while (GetSessionToken).
Credential mint_session_of(store::Writer& db, const std::string& principal_arn,
                           const std::string& user_id, seconds ttl, TimePoint now);
// Removes sessions that ended more than an hour ago; returns how many.
size_t erase_expired_sessions(store::Writer& db, TimePoint now);

// "AKIA" + 17 characters of [A-Z2-7], from the kernel's random source.
std::string make_unique_id(std::string_view prefix);
// arn:aws:sts::<account>:assumed-role/<role>/<session>; throws Error(invalid_argument).
std::string assumed_role_arn(std::string_view role_arn, std::string_view session_name);

}  // namespace slipway::aws
