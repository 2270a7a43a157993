// Tar archives, plain or compressed: an Error or entries with bounded data.
#include <array>

#include "base/error.h"
#include "codec/tar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    slipway::TarReader reader(slipway::make_decompressor(slipway::source_of_string(bytes)));
    slipway::TarEntry entry;
    std::array<char, 4096> block;
    size_t total = 0;
    while (reader.next(entry)) {
      while (const size_t n = reader.read(block)) {
        if ((total += n) > (8u << 20)) return 0;
      }
    }
  } catch (const slipway::Error&) {
  }
  return 0;
}
