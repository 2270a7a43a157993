// Query strings and percent escapes: whatever parses must survive being encoded and parsed again.
#include <cstdlib>

#include "base/error.h"
#include "codec/form.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const auto pairs = slipway::parse_query(text);
    if (slipway::parse_query(slipway::encode_query(pairs)) != pairs) std::abort();
  } catch (const slipway::Error&) {
  }
  return 0;
}
