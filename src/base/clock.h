// Time as a dependency: loops and planners take a Clock, tests use TestClock. Wall time for what is
// shown and stored, steady time for deadlines.
#pragma once
#include <atomic>
#include <chrono>
#include <string>
#include <string_view>

namespace slipway {

using TimePoint = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

class SystemClock : public Clock {
 public:
  TimePoint now() const override {
    return std::chrono::time_point_cast<microseconds>(std::chrono::system_clock::now());
  }
};

// Stands still until told. Thread-safe.
class TestClock : public Clock {
 public:
  explicit TestClock(TimePoint start = TimePoint(seconds(1'700'000'000)))
      : now_(start.time_since_epoch().count()) {}
  TimePoint now() const override { return TimePoint(microseconds(now_.load())); }
  void advance(microseconds by) { now_ += by.count(); }

 private:
  std::atomic<int64_t> now_;
};

// Seconds since the epoch with microseconds as fraction, and back (AWS JSON timestamps).
double to_epoch_seconds(TimePoint t);
TimePoint from_epoch_seconds(double seconds);
int64_t to_epoch_ms(TimePoint t);
TimePoint from_epoch_ms(int64_t ms);
// 2026-11-23T06:24:48.123456Z (UTC); digits = number of fraction digits (0: no fraction).
std::string to_rfc3339(TimePoint t, int digits = 6);
// Accepts fractions of 0-9 digits and a zone of Z or +hh:mm. Throws Error(invalid_argument).
TimePoint parse_rfc3339(std::string_view text);

}  // namespace slipway
