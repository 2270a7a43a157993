// Signature Version 4: reading what a request claims, and proving it. Header and presigned form. No
// look-up of keys here (aws/credentials.h), no knowledge of services.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "aws/errors.h"
#include "base/clock.h"
#include "net/http.h"

namespace slipway::aws {

// Why a request was not let in; the dispatcher says it in the protocol's words.
class AuthError : public std::runtime_error {
 public:
  AuthError(Common meaning, const std::string& message)
      : std::runtime_error(message), meaning_(meaning) {}
  Common meaning() const { return meaning_; }

 private:
  Common meaning_;
};

struct Claim {
  std::string access_key_id;
  std::string date;  // yyyymmdd, of the scope
  std::string region;
  std::string service;
  std::vector<std::string> signed_headers;  // lower case, sorted
  std::string signature;
  std::string time_text;      // yyyymmddThhmmssZ
  std::string session_token;  // empty: none
  bool presigned = false;
  seconds expires{0};  // presigned
};

constexpr seconds kMaxSkew{300};

// Reads the Authorization header or the X-Amz-* query. Throws AuthError.
Claim read_claim(const net::Request& request);
// The time is near enough to now. Throws AuthError(request_expired).
void check_time(const Claim& claim, TimePoint now);
// body_hash: lower-case hex of the body's SHA-256. Throws AuthError(bad_signature).
void check_signature(const Claim& claim, const net::Request& request, std::string_view body_hash,
                     std::string_view secret_access_key);

// For tests and for our own signed calls: what the parts come to.
std::string canonical_request(const Claim& claim, const net::Request& request,
                              std::string_view body_hash);
std::string signature_of(const Claim& claim, std::string_view canonical,
                         std::string_view secret_access_key);
// Adds X-Amz-Date, the token and Authorization to the headers (Host must be there).
void sign(net::Request& request, std::string_view body, std::string_view access_key_id,
          std::string_view secret_access_key, std::string_view session_token,
          std::string_view region, std::string_view service, TimePoint now);

}  // namespace slipway::aws
