// Registry tokens: what GetAuthorizationToken hands out and `docker login` sends as the password of
// user AWS. A token is signed, not stored: it survives restarts and costs no row. The signing key
// is made at first use and kept in the store.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "store/store.h"

namespace slipway::registry {

struct Principal {
  std::string account;
  std::string arn;  // who asked for the token
};

// Throws RegistryError denied. action: "ecr:PutImage", ...; resource: the repository's ARN. Empty:
// every valid token of the account may do everything.
using Authorize =
    std::function<void(const Principal&, std::string_view action, std::string_view resource)>;

class Tokens {
 public:
  // Writes the key when the store has none yet.
  Tokens(store::Store& store, const Clock& clock);
  struct Minted {
    std::string password;  // without "AWS:"
    TimePoint expires;
  };
  Minted mint(const Principal& principal, microseconds valid_for = seconds(12 * 3600)) const;
  // Throws RegistryError unauthorized ("Not Authorized") when it is not ours, denied in AWS's words
  // when it has expired.
  Principal verify(std::string_view username, std::string_view password) const;

 private:
  const Clock& clock_;
  std::string key_;
};

}  // namespace slipway::registry
