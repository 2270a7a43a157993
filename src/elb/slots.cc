#include "elb/slots.h"

namespace slipway::elb {
namespace {

constexpr size_t fewest_slots = 16;

bool same_place(const haproxy::Slot& a, const haproxy::Slot& b) {
  return a.address == b.address && a.port == b.port;
}

}  // namespace

std::vector<haproxy::Slot> place(const std::vector<haproxy::Slot>& current,
                                 const std::vector<haproxy::Slot>& wanted, size_t& cursor) {
  size_t count = std::max(current.size(), fewest_slots);
  while (count < wanted.size()) count *= 2;
  std::vector<haproxy::Slot> out(count);
  std::vector<haproxy::Slot> homeless;
  for (auto& target : wanted) {
    const auto known = std::find_if(current.begin(), current.end(),
                                    [&](const auto& slot) { return same_place(slot, target); });
    if (known == current.end()) {
      homeless.push_back(target);
    } else {
      out[static_cast<size_t>(known - current.begin())] = target;
    }
  }
  // A slot whose target leaves right now is only taken when nothing else is free.
  for (const bool resting : {false, true}) {
    for (size_t i = 0; i < count && !homeless.empty(); ++i) {
      const size_t at = (cursor + i) % count;
      const bool was_taken = at < current.size() && !current[at].address.empty();
      if (!out[at].address.empty() || was_taken != resting) continue;
      out[at] = homeless.back();
      homeless.pop_back();
      if (homeless.empty()) cursor = (at + 1) % count;
    }
  }
  return out;
}

std::vector<haproxy::SlotChange> slot_changes(const std::string& group,
                                              const std::vector<haproxy::Slot>& from,
                                              const std::vector<haproxy::Slot>& to) {
  std::vector<haproxy::SlotChange> up, down;
  for (size_t i = 0; i < to.size(); ++i) {
    const haproxy::Slot before = i < from.size() ? from[i] : haproxy::Slot{};
    if (before == to[i]) continue;
    const bool moved = !before.address.empty() && !same_place(before, to[i]);
    if (to[i].up) {
      // Another target in a slot that still served: end the old one's connections first.
      if (moved) up.push_back({group, i, {}, true});
      up.push_back({group, i, to[i], false});
    } else {
      down.push_back({group, i, to[i], moved});
    }
  }
  up.insert(up.end(), down.begin(), down.end());
  return up;
}

}  // namespace slipway::elb
