// CloudWatch Logs filter patterns: the first line is the pattern, the rest a message.
#include "base/error.h"
#include "base/strings.h"
#include "logs/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto [pattern, message] =
      slipway::split_once({reinterpret_cast<const char*>(data), size}, '\n');
  try {
    (void)slipway::logs::Filter(pattern).matches(message);
  } catch (const slipway::Error&) {
  }
  return 0;
}
