// A seccomp profile that a user gave: whatever it holds, it is refused with an Error or converted
// into a filter that has a default action and rules with names and actions.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "container/seccomp.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto out = slipway::container::convert_seccomp(
        {reinterpret_cast<const char*>(data), size}, {"CAP_CHOWN", "CAP_SYS_ADMIN"});
    if (!out.contains("defaultAction") || !out["syscalls"].is_array()) std::abort();
    for (const auto& rule : out["syscalls"]) {
      if (!rule["names"].is_array() || !rule["action"].is_string()) std::abort();
    }
  } catch (const slipway::Error&) {
  }
  return 0;
}
