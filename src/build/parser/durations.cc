// Go's way to write a time.
#include "base/error.h"
#include "base/strings.h"
#include "build/parser/instructions.h"

namespace slipway::build {

int64_t parse_duration_ns(std::string_view text) {
  static const std::pair<std::string_view, double> units[] = {
      {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  const std::string_view whole = text;
  double total = 0;
  while (!text.empty()) {
    const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = parse_double(text.substr(0, digits));
    text.remove_prefix(digits);
    const size_t letters = std::min(text.find_first_of("0123456789."), text.size());
    double factor = 0;
    for (const auto& [name, value] : units) {
      if (text.substr(0, letters) == name) factor = value;
    }
    if (!number || factor == 0)
      throw invalid_argument("invalid duration \"{}\" (say 30s, 500ms, 1m30s)", whole);
    total += *number * factor;
    text.remove_prefix(letters);
  }
  if (whole.empty() || total > 9e18) throw invalid_argument("invalid duration \"{}\"", whole);
  return static_cast<int64_t>(total);
}

}  // namespace slipway::build
