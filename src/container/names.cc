#include "container/names.h"

#include <csignal>

#include "base/ids.h"
#include "base/strings.h"

namespace slipway::container {

std::string random_name() {
  static constexpr std::array kAdjectives = {
      "amber", "bold",  "brave",  "bright", "calm",   "clear", "cosy",   "deep",  "eager", "early",
      "fair",  "fleet", "fond",   "fresh",  "gentle", "glad",  "golden", "grand", "happy", "hardy",
      "keen",  "kind",  "lively", "lucky",  "merry",  "mild",  "noble",  "proud", "quick", "quiet",
      "rapid", "ready", "sharp",  "silent", "sleek",  "smart", "steady", "stout", "swift", "warm"};
  static constexpr std::array kNouns = {
      "anchor", "barge",  "beacon", "boom",  "bow",     "brig",   "buoy",    "canal",
      "cape",   "cargo",  "chart",  "coast", "compass", "crane",  "current", "cutter",
      "deck",   "dinghy", "dock",   "ferry", "fleet",   "galley", "gull",    "harbour",
      "helm",   "hull",   "jetty",  "keel",  "lagoon",  "mast",   "oar",     "pier",
      "port",   "quay",   "rudder", "sail",  "skiff",   "sloop",  "tide",    "wharf"};
  const uint64_t random = random_u64();
  return fmt::format("{}_{}{}", kAdjectives[random % kAdjectives.size()],
                     kNouns[(random >> 16) % kNouns.size()], (random >> 32) % 100);
}

std::optional<int> parse_signal(std::string_view text) {
  if (const auto number = parse_int(text)) {
    if (*number >= 1 && *number <= 64) return static_cast<int>(*number);
    return std::nullopt;
  }
  std::string name = to_upper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int number = 1; number < 32; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  if (name.starts_with("RTMIN")) {
    if (name.size() == 5) return 34;
    const auto offset = name[5] == '+' ? parse_int(std::string_view(name).substr(6)) : std::nullopt;
    if (offset && *offset >= 0 && *offset <= 30) return static_cast<int>(34 + *offset);
  }
  if (name == "RTMAX") return 64;
  return std::nullopt;
}

}  // namespace slipway::container
