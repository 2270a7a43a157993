// Stop: the one way to end something that blocks. Everything that can wait takes a Stop (and mostly
// a deadline) and polls it beside its own descriptor. Copies share the same state. Thread-safe.
#pragma once
#include <chrono>
#include <functional>
#include <memory>

#include "base/clock.h"

namespace slipway {

class Stop {
 public:
  Stop();
  // Ends this and every child. Idempotent.
  void request() const;
  bool requested() const;
  // Readable (POLLIN) for ever once requested; for poll(). Owned by the Stop.
  int fd() const;
  // A Stop that ends when this one does, and can be ended alone.
  Stop child() const;
  // Waits until requested or the time has passed; true when requested.
  bool wait_for(microseconds time) const;
  // Throws Error(cancelled) once requested.
  void throw_if_requested() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

enum class Ready { yes, timeout, stopped };
// Polls fd for POLLIN / POLLOUT beside the stop. POLLHUP and POLLERR count as ready.
Ready wait_readable(int fd, const Stop& stop, SteadyTime deadline = SteadyTime::max());
Ready wait_writable(int fd, const Stop& stop, SteadyTime deadline = SteadyTime::max());

// Wakes a loop: notify() makes fd() readable until drain(). Thread-safe.
class Wakeup {
 public:
  Wakeup();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;
  void notify() const;
  void drain() const;
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Runs a function at scope end. It must not throw.
class Finally {
 public:
  explicit Finally(std::function<void()> fn) : fn_(std::move(fn)) {}
  ~Finally() {
    if (fn_) fn_();
  }
  Finally(const Finally&) = delete;
  Finally& operator=(const Finally&) = delete;
  void dismiss() { fn_ = nullptr; }

 private:
  std::function<void()> fn_;
};

}  // namespace slipway
