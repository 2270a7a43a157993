// Layer archives: whatever the bytes, nothing may appear or change beside the layer's directory.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "codec/compress.h"
#include "image/unpack.h"

using namespace slipway;

namespace {
size_t entries(const std::string& directory) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) count += entry.exists();
  return count;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string top = [] {
    const std::string made = "/tmp/slipway-layer-fuzz-" + random_hex(6);
    make_directories(made);
    write_file(made + "/secret", "secret");
    return made;
  }();
  const std::string root = top + "/root";
  make_directories(root);
  try {
    image::unpack_layer(
        make_decompressor(source_of_string({reinterpret_cast<const char*>(data), size})), root, {},
        {.max_entries = 1000, .max_bytes = 1 << 20});
  } catch (const Error&) {
  }
  if (read_file(top + "/secret") != "secret" || entries(top) != 2) __builtin_trap();
  remove_tree(root);
  return 0;
}
