// What image archives say about themselves: any bytes either parse or throw Error, and names of
// members never come out with a ".." in them.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "image/archive_index.h"

using namespace slipway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    image::parse_archive_manifest(text);
  } catch (const Error&) {
  }
  try {
    image::parse_archive_index(text);
  } catch (const Error&) {
  }
  const auto name =
      "/" + image::linked_member(text.substr(0, size / 2), text.substr(size / 2)) + "/";
  if (name.find("/../") != std::string::npos) __builtin_trap();
  image::digest_of_member(text);
  return 0;
}
