#include "base/ids.h"

#include <cerrno>
#include <cstring>
#include <sys/random.h>

#include "base/error.h"

namespace slipway {

std::string random_bytes(size_t count) {
  std::string out(count, '\0');
  size_t have = 0;
  while (have < count) {
    const ssize_t n = ::getrandom(out.data() + have, count - have, 0);
    if (n < 0 && errno == EINTR) continue;
    have += static_cast<size_t>(check(n, "getrandom"));
  }
  return out;
}

std::string random_hex(size_t count) {
  static constexpr char digits[] = "0123456789abcdef";
  const std::string bytes = random_bytes(count);
  std::string out(count, '0');
  for (size_t i = 0; i < count; ++i) out[i] = digits[static_cast<unsigned char>(bytes[i]) & 15];
  return out;
}

std::string random_uuid() {
  std::string hex = random_hex(32);
  hex[12] = '4';
  hex[16] = "89ab"[hex[16] & 3];
  return hex.substr(0, 8) + '-' + hex.substr(8, 4) + '-' + hex.substr(12, 4) + '-' +
         hex.substr(16, 4) + '-' + hex.substr(20);
}

std::string random_alphanumeric(size_t count) {
  static constexpr char letters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string out;
  while (out.size() < count) {
    for (const char c : random_bytes(count)) {
      const auto value = static_cast<unsigned char>(c);
      if (value < 248 && out.size() < count) out += letters[value % 62];  // 248 = 4*62: no bias
    }
  }
  return out;
}

uint64_t random_u64() {
  uint64_t value;
  const std::string bytes = random_bytes(sizeof value);
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace slipway
