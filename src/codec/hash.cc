#include "codec/hash.h"

#include <array>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.h"

namespace slipway {
namespace {

// Fetched once: EVP_sha256() would look the provider up again for every hash.
const EVP_MD* algorithm_named(std::string_view name) {
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static EVP_MD* const sha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
  static EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  const EVP_MD* found = nullptr;
  if (name == "sha256") found = sha256;
  if (name == "sha512") found = sha512;
  if (name == "md5") found = md5;
  if (found == nullptr) throw invalid_argument("unsupported digest algorithm \"{}\"", name);
  return found;
}

constexpr char kHex[] = "0123456789abcdef";

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kBase64Url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode_base64(std::string_view bytes, const char* alphabet) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t have = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= have ? alphabet[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

}  // namespace

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

struct Hasher::Impl {
  std::string name;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~Impl() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher(std::string_view algorithm) : impl_(std::make_unique<Impl>()) {
  impl_->name = algorithm;
  if (EVP_DigestInit_ex(impl_->context, algorithm_named(algorithm), nullptr) != 1) {
    throw internal("cannot start a {} hash", algorithm);
  }
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

void Hasher::update(std::string_view bytes) {
  if (EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) != 1) {
    throw internal("cannot continue a {} hash", impl_->name);
  }
}

std::string Hasher::raw() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned size = 0;
  if (EVP_DigestFinal_ex(impl_->context, out.data(), &size) != 1) {
    throw internal("cannot end a {} hash", impl_->name);
  }
  return {reinterpret_cast<const char*>(out.data()), size};
}
std::string Hasher::hex() {
  return to_hex(raw());
}
std::string Hasher::digest() {
  return impl_->name + ":" + hex();
}

std::string sha256_raw(std::string_view bytes) {
  Hasher hasher;
  hasher.update(bytes);
  return hasher.raw();
}
std::string sha256_hex(std::string_view bytes) {
  return to_hex(sha256_raw(bytes));
}
std::string sha256_digest(std::string_view bytes) {
  return "sha256:" + sha256_hex(bytes);
}
std::string md5_hex(std::string_view bytes) {
  Hasher hasher("md5");
  hasher.update(bytes);
  return hasher.hex();
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out;
  unsigned size = 0;
  // A null key pointer would mean "reuse the previous key".
  const char* key_data = key.empty() ? "" : key.data();
  if (HMAC(algorithm_named("sha256"), key_data, static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), out.data(),
           &size) == nullptr) {
    throw internal("HMAC failed");
  }
  return {reinterpret_cast<const char*>(out.data()), size};
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const unsigned char c : bytes) {
    out += kHex[c >> 4];
    out += kHex[c & 15];
  }
  return out;
}

std::string from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) throw invalid_argument("odd number of hexadecimal digits");
  std::string out;
  out.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_value(hex[i]);
    const int low = hex_value(hex[i + 1]);
    if (high < 0 || low < 0) throw invalid_argument("not hexadecimal at offset {}", i);
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string base64_encode(std::string_view bytes) {
  return encode_base64(bytes, kBase64);
}
std::string base64url_encode(std::string_view bytes) {
  return encode_base64(bytes, kBase64Url);
}

std::string base64_decode(std::string_view text) {
  const size_t written = text.size();
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (written - text.size() > 2 || text.size() % 4 == 1) {
    throw invalid_argument("malformed base64: wrong length");
  }
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  uint32_t bits = 0;
  int have = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const int value = base64_value(text[i]);
    if (value < 0) throw invalid_argument("malformed base64 at offset {}", i);
    bits = bits << 6 | static_cast<uint32_t>(value);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 255);
    }
  }
  return out;
}

}  // namespace slipway
