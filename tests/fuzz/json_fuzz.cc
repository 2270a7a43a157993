// JSON texts: an Error or a document, nothing else.
#include "base/error.h"
#include "codec/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    slipway::parse_json({reinterpret_cast<const char*>(data), size});
  } catch (const slipway::Error&) {
  }
  return 0;
}
