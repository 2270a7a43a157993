// Image names: what parses must parse again from its full form, to the same name.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "image/image.h"

using namespace slipway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  image::Reference name;
  try {
    name = image::Reference::parse(text);
  } catch (const Error&) {
    return 0;
  }
  if (image::Reference::parse(name.full()).full() != name.full()) __builtin_trap();
  if (image::Reference::parse(name.familiar()).full() != name.full()) __builtin_trap();
  return 0;
}
