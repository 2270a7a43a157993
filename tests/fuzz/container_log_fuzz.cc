// The log file is conmon's, but its text is the container's: any bytes at all.
#include "container/log_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  slipway::container::LogAssembler assembler(
      [](const slipway::container::LogLine&) { return true; });
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (const auto record = slipway::container::parse_log_record(text.substr(0, end)))
      assembler.add(*record);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  assembler.finish();
  return 0;
}
