#include "container/exit_monitor.h"

#include <sys/epoll.h>

#include "base/error.h"

namespace slipway::container {

ExitMonitor::ExitMonitor() : epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "make an epoll")) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = 0;
  check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop_.fd(), &event), "watch the stop");
  thread_ = std::jthread([this] { run(); });
}

ExitMonitor::~ExitMonitor() {
  stop();
}

void ExitMonitor::stop() {
  stop_.request();
  if (thread_.joinable()) thread_.join();
}

void ExitMonitor::watch(Fd pidfd, std::function<void()> ended) {
  const std::lock_guard lock(mutex_);
  const uint64_t number = next_++;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = number;
  const int fd = pidfd.get();
  watched_[number] = {std::move(pidfd), std::move(ended)};
  check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "watch a process");
}

void ExitMonitor::run() {
  std::array<epoll_event, 32> events;
  while (!stop_.requested()) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    if (count < 0 && errno != EINTR) return;
    for (int i = 0; i < count; ++i) {
      std::function<void()> ended;
      {
        const std::lock_guard lock(mutex_);
        const auto found = watched_.find(events[static_cast<size_t>(i)].data.u64);
        if (found == watched_.end()) continue;
        ended = std::move(found->second.ended);
        // Closing alone would not do while a child just being spawned holds a copy.
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.pidfd.get(), nullptr);
        watched_.erase(found);
      }
      ended();
    }
  }
}

}  // namespace slipway::container
