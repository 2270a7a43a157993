#include "container/events.h"

namespace slipway::container {

void Events::publish(Event event) {
  {
    const std::lock_guard lock(mutex_);
    ring_.push_back(std::move(event));
    ++next_;
    if (ring_.size() > capacity_) ring_.pop_front();
  }
  changed_.notify();
}

uint64_t Events::since(TimePoint time) {
  const std::lock_guard lock(mutex_);
  // Not sorted to the microsecond (times are taken before the lock): the first that fits.
  const auto first = std::find_if(ring_.begin(), ring_.end(),
                                  [&](const Event& event) { return event.time >= time; });
  return next_ - static_cast<uint64_t>(ring_.end() - first);
}

std::vector<Event> Events::wait(uint64_t& cursor, const Stop& stop, SteadyTime deadline) {
  const auto subscription = changed_.subscribe();
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (cursor == 0) cursor = next_;
      if (cursor < next_) {
        const uint64_t missed = std::min<uint64_t>(next_ - cursor, ring_.size());
        cursor = next_;
        return {ring_.end() - static_cast<ptrdiff_t>(missed), ring_.end()};
      }
    }
    if (!subscription.wait(stop, deadline)) return {};
  }
}

}  // namespace slipway::container
