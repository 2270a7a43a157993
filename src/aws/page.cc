#include "aws/page.h"

#include "base/error.h"
#include "codec/hash.h"

namespace slipway::aws {
namespace {

constexpr size_t kCheck = 6;  // bytes; finds typing errors and tokens of other lists

std::string check_of(std::string_view scope, std::string_view key) {
  return sha256_raw(fmt::format("{}\n{}", scope, key)).substr(0, kCheck);
}

}  // namespace

std::string make_token(std::string_view scope, std::string_view last_key) {
  return base64url_encode(check_of(scope, last_key) + std::string(last_key));
}

std::string read_token(std::string_view scope, std::string_view token) {
  std::string bytes;
  try {
    if (token.size() <= 8192) bytes = base64_decode(token);
  } catch (const Error&) {
    // falls through: too short
  }
  if (bytes.size() < kCheck || bytes.substr(0, kCheck) != check_of(scope, bytes.substr(kCheck)))
    throw invalid_argument("Invalid token.");
  return bytes.substr(kCheck);
}

}  // namespace slipway::aws
