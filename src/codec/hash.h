// Digests and text forms of bytes (OpenSSL inside).
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace slipway {

// Incremental hash. algorithm: "sha256", "sha512" or "md5". Not thread-safe.
class Hasher {
 public:
  explicit Hasher(std::string_view algorithm = "sha256");
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  void update(std::string_view bytes);
  std::string raw();     // ends the hash
  std::string hex();     // lower-case hex of raw()
  std::string digest();  // "sha256:<hex>"

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::string sha256_raw(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
std::string sha256_digest(std::string_view bytes);                      // "sha256:<hex>"
std::string hmac_sha256(std::string_view key, std::string_view bytes);  // raw
std::string md5_hex(std::string_view bytes);
// Time does not depend on where they differ.
bool equal_constant_time(std::string_view a, std::string_view b);

int hex_value(char c);  // of one digit; -1 if it is none
std::string to_hex(std::string_view bytes);
std::string from_hex(std::string_view hex);  // throws Error(invalid_argument)
std::string base64_encode(std::string_view bytes);
std::string base64url_encode(std::string_view bytes);  // with padding, as docker sends it
// Accepts both alphabets, with or without padding. Throws Error(invalid_argument).
std::string base64_decode(std::string_view text);

}  // namespace slipway
