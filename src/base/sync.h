// Sync<T>: data that can only be reached through its lock. Never hold one across I/O; never hold
// two.
#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace slipway {

template <typename T>
class Sync {
 public:
  Sync() = default;
  explicit Sync(T value) : value_(std::move(value)) {}

  class Lock {
   public:
    explicit Lock(Sync& owner) : owner_(owner), lock_(owner.mutex_) {}
    T* operator->() { return &owner_.value_; }
    T& operator*() { return owner_.value_; }
    // Waits (with the lock released) until the predicate holds or the deadline passes.
    template <typename Predicate>
    bool wait_until(std::chrono::steady_clock::time_point deadline, Predicate predicate) {
      return owner_.changed_.wait_until(lock_, deadline, [&] { return predicate(owner_.value_); });
    }

   private:
    Sync& owner_;
    std::unique_lock<std::mutex> lock_;
  };

  Lock lock() const { return Lock(const_cast<Sync&>(*this)); }
  // Wakes the waiters of wait_until; call after a change.
  void notify_all() { changed_.notify_all(); }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  T value_{};
};

}  // namespace slipway
