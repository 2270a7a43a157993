// Any bytes as the value of RUN --mount, of --chmod, and as a word with variables.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "build/parser/modes.h"
#include "build/parser/mounts.h"
#include "build/parser/words.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lookup = [](const std::string& name) -> std::optional<std::string> {
    return name.size() % 2 == 0 ? std::optional(name + "/x y.tar.gz") : std::nullopt;
  };
  try {
    slipway::build::parse_run_mount(text, 1);
  } catch (const slipway::Error&) {
  }
  try {
    slipway::build::ModeChange::parse(text).apply(0644, size % 2 == 0);
  } catch (const slipway::Error&) {
  }
  try {
    slipway::build::expand_word(text, lookup);
  } catch (const slipway::Error&) {
  }
  return 0;
}
