// Any bytes as a dockerfile: an Error is fine, a crash or a hang is not.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "build/parser/instructions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    slipway::build::interpret(slipway::build::parse_dockerfile(text));
  } catch (const slipway::Error&) {
  }
  return 0;
}
