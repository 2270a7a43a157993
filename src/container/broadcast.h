// Broadcast: tells any number of waiting threads that something changed, through descriptors that
// can be polled beside a Stop. Thread-safe.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "base/stop.h"

namespace slipway::container {

class Broadcast {
 public:
  class Subscription {
   public:
    Subscription(Broadcast& owner, std::shared_ptr<Wakeup> wakeup)
        : owner_(&owner), wakeup_(std::move(wakeup)) {}
    ~Subscription() {
      if (wakeup_) owner_->drop(wakeup_.get());
    }
    Subscription(Subscription&&) = default;
    Subscription& operator=(Subscription&&) = delete;
    int fd() const { return wakeup_->fd(); }
    void drain() const { wakeup_->drain(); }
    // Waits for a change since the last call (or the subscription). False: stop or deadline.
    bool wait(const Stop& stop, SteadyTime deadline = SteadyTime::max()) const {
      if (wait_readable(wakeup_->fd(), stop, deadline) != Ready::yes) return false;
      wakeup_->drain();
      return true;
    }

   private:
    Broadcast* owner_;
    std::shared_ptr<Wakeup> wakeup_;
  };

  // Must not outlive the Broadcast.
  Subscription subscribe() {
    auto wakeup = std::make_shared<Wakeup>();
    const std::lock_guard lock(mutex_);
    subscribers_.push_back(wakeup);
    return {*this, std::move(wakeup)};
  }
  void notify() {
    const std::lock_guard lock(mutex_);
    for (const auto& subscriber : subscribers_) subscriber->notify();
  }

 private:
  void drop(const Wakeup* wakeup) {
    const std::lock_guard lock(mutex_);
    std::erase_if(subscribers_, [&](const auto& known) { return known.get() == wakeup; });
  }
  std::mutex mutex_;
  std::vector<std::shared_ptr<Wakeup>> subscribers_;
};

}  // namespace slipway::container
