// Random names: from the kernel's random source, so that they can serve as secrets too.
#pragma once
#include <cstdint>
#include <string>

namespace slipway {

std::string random_bytes(size_t count);
// count hexadecimal digits.
std::string random_hex(size_t count);
// 8-4-4-4-12, version 4.
std::string random_uuid();
// count characters of [A-Za-z0-9].
std::string random_alphanumeric(size_t count);
uint64_t random_u64();

}  // namespace slipway
