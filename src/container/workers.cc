#include "container/workers.h"

namespace slipway::container {

Workers::Workers(size_t threads) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
  stop();
}

void Workers::post_at(SteadyTime time, std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    jobs_.emplace(time, std::move(job));
  }
  changed_.notify_one();
}

void Workers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  threads_.clear();
  const std::lock_guard lock(mutex_);
  jobs_.clear();
}

void Workers::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (jobs_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const SteadyTime next = jobs_.begin()->first;
    if (next > std::chrono::steady_clock::now()) {
      changed_.wait_until(lock, next);
      continue;
    }
    const auto job = std::move(jobs_.begin()->second);
    jobs_.erase(jobs_.begin());
    // This thread may have been the one that waited for the next job's time.
    if (!jobs_.empty()) changed_.notify_one();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace slipway::container
