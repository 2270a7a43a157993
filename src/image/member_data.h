// One file of an image archive while it passes by: its first bytes are looked at to tell a layer
// from JSON, and read again with the rest. Inside image/.
#pragma once
#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/compress.h"
#include "codec/tar.h"
#include "image/manifest.h"

namespace slipway::image {

// The data of one member of the archive, with its first bytes looked at.
class MemberData {
 public:
  MemberData(TarReader& tar, const TarEntry& entry) : tar_(tar), size_(entry.size) {
    first_.resize(std::min<uint64_t>(512, entry.size));
    size_t have = 0;
    while (have < first_.size()) {
      const size_t n = tar_.read(std::span(first_).subspan(have));
      if (n == 0) throw invalid_argument("image archive: {} is truncated", entry.name);
      have += n;
    }
  }
  uint64_t size() const { return size_; }

  bool looks_like_layer(std::string_view name) const {
    if (name.ends_with(".json")) return false;
    if (name.ends_with(".tar") || size_ > max_config_bytes) return true;
    if (detect_compression(first_) != Compression::none) return true;
    if (first_.size() < 512) return false;
    return first_.compare(257, 5, "ustar") == 0 ||
           first_.find_first_not_of('\0') == std::string::npos;  // an empty archive is all zeros
  }

  size_t read(std::span<char> into) {
    if (used_ == first_.size()) return tar_.read(into);
    const size_t n = std::min(into.size(), first_.size() - used_);
    std::memcpy(into.data(), first_.data() + used_, n);
    used_ += n;
    return n;
  }

 private:
  TarReader& tar_;
  uint64_t size_;
  std::string first_;
  size_t used_ = 0;
};

}  // namespace slipway::image
