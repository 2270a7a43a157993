// /etc/passwd and /etc/group come out of images: first line the user, then both files in one.
#include "base/error.h"
#include "container/accounts.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view files = text.substr(std::min(end + 1, text.size()));
  try {
    slipway::container::resolve_user(text.substr(0, end), files, files);
  } catch (const slipway::Error&) {
  }
  return 0;
}
