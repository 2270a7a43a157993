// A few threads that run jobs, at once or at a time to come. Jobs must not throw. The destructor
// drops what has not begun and joins.
#pragma once
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace slipway::container {

class Workers {
 public:
  explicit Workers(size_t threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  void post(std::function<void()> job) {
    post_at(std::chrono::steady_clock::now(), std::move(job));
  }
  void post_at(SteadyTime time, std::function<void()> job);
  // Idempotent.
  void stop();

 private:
  void work();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<SteadyTime, std::function<void()>> jobs_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace slipway::container
