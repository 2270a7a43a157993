// Manifests and image configurations: any bytes either parse or throw Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "image/image.h"
#include "image/manifest.h"

using namespace slipway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto manifest = image::Manifest::parse(text);
    manifest.references();
    manifest.for_this_machine();
  } catch (const Error&) {
  }
  try {
    const std::string once = image::Config::parse(text).to_json();
    if (image::Config::parse(once).to_json() != once) __builtin_trap();
  } catch (const Error&) {
  }
  return 0;
}
