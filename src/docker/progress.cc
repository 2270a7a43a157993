#include "docker/progress.h"

#include <fmt/format.h>

namespace slipway::docker {

std::string size_text(uint64_t bytes) {
  static const char* const kUnits[] = {"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit < 4) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.4g}{}", value, kUnits[unit]);
}

std::string progress_bar(uint64_t current, uint64_t total) {
  constexpr size_t kWidth = 50;
  if (total == 0) return size_text(current);
  const auto done =
      static_cast<size_t>(std::min<double>(1, static_cast<double>(current) / total) * kWidth);
  std::string line(done, '=');
  if (done < kWidth) line += '>';
  line.resize(kWidth, ' ');
  return fmt::format("[{}]  {}/{}", line, size_text(current), size_text(total));
}

}  // namespace slipway::docker
