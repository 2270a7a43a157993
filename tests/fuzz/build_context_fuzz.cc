// Any bytes as a build context's archive, and what COPY would ask of it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "build/tar_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto index =
        slipway::build::TarIndex::read(slipway::source_of_string(text), {"Dockerfile"});
    if (index == nullptr) return 0;
    index->drop(slipway::build::Ignore::parse("*.x\n!a.x\nd/**\n"));
    slipway::build::FileSums files;
    for (const char* pattern : {".", "*", "a/b", "**/c", "d/../e"}) {
      try {
        index->checksum(pattern, true, nullptr, &files);
      } catch (const slipway::Error&) {
      }
    }
  } catch (const slipway::Error&) {
  }
  return 0;
}
