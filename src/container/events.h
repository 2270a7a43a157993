// The last events, for `docker events` and everybody else who follows containers. Each follower has
// a cursor; one that is too slow loses the oldest.
#pragma once
#include <deque>
#include <mutex>
#include <vector>

#include "container/broadcast.h"
#include "container/engine.h"

namespace slipway::container {

class Events {
 public:
  explicit Events(size_t capacity = 4096) : capacity_(capacity) {}
  void publish(Event event);
  // cursor 0: from now on (it is set to the present end, and the wait begins there).
  // A cursor at the first event kept that is not older than this.
  uint64_t since(TimePoint time);
  std::vector<Event> wait(uint64_t& cursor, const Stop& stop, SteadyTime deadline);

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::deque<Event> ring_;
  uint64_t next_ = 1;  // the number of the next event
  Broadcast changed_;
};

}  // namespace slipway::container
