// The bars that clients print as they are.
#pragma once
#include <cstdint>
#include <string>

namespace slipway::docker {

// "1.234MB", in powers of ten.
std::string size_text(uint64_t bytes);
// "[====>     ]  1.2MB/4MB"
std::string progress_bar(uint64_t current, uint64_t total);

}  // namespace slipway::docker
