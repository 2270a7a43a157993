#include "base/stop.h"

#include <atomic>
#include <mutex>
#include <poll.h>
#include <sys/eventfd.h>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace slipway {

struct Stop::State {
  Fd event{slipway::check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")};
  std::atomic<bool> requested{false};
  std::mutex mutex;
  std::vector<std::weak_ptr<State>> children;

  void request() {
    std::vector<std::weak_ptr<State>> waiting;
    {
      std::lock_guard lock(mutex);
      if (requested.exchange(true)) return;
      waiting.swap(children);
    }
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = ::write(event.get(), &one, sizeof one);
    for (const auto& child : waiting) {
      if (auto state = child.lock()) state->request();
    }
  }
};

Stop::Stop() : state_(std::make_shared<State>()) {}
void Stop::request() const {
  state_->request();
}
bool Stop::requested() const {
  return state_->requested.load();
}
int Stop::fd() const {
  return state_->event.get();
}

Stop Stop::child() const {
  Stop made;
  bool already = false;
  {
    std::lock_guard lock(state_->mutex);
    already = state_->requested.load();
    if (!already) {
      std::erase_if(state_->children, [](const auto& weak) { return weak.expired(); });
      state_->children.push_back(made.state_);
    }
  }
  if (already) made.request();
  return made;
}

namespace {
int poll_timeout_ms(SteadyTime deadline) {
  if (deadline == SteadyTime::max()) return -1;
  const auto left = deadline - std::chrono::steady_clock::now();
  const auto ms = std::chrono::ceil<milliseconds>(left).count();
  return static_cast<int>(std::clamp<int64_t>(ms, 0, 3'600'000));
}

Ready wait_for_event(int fd, short events, const Stop& stop, SteadyTime deadline) {
  for (;;) {
    pollfd fds[2] = {{stop.fd(), POLLIN, 0}, {fd, events, 0}};
    const int timeout = poll_timeout_ms(deadline);
    const int n = ::poll(fds, fd >= 0 ? 2 : 1, timeout);
    if (n < 0 && errno == EINTR) continue;
    check(n, "poll");
    if (fds[0].revents != 0) return Ready::stopped;
    if (fd >= 0 && fds[1].revents != 0) return Ready::yes;
    if (n == 0 && std::chrono::steady_clock::now() >= deadline) return Ready::timeout;
  }
}
}  // namespace

bool Stop::wait_for(microseconds time) const {
  if (requested()) return true;
  const auto deadline = std::chrono::steady_clock::now() + time;
  return wait_for_event(-1, 0, *this, deadline) == Ready::stopped;
}

void Stop::throw_if_requested() const {
  if (requested()) throw cancelled("stopped");
}

Ready wait_readable(int fd, const Stop& stop, SteadyTime deadline) {
  return wait_for_event(fd, POLLIN, stop, deadline);
}

Ready wait_writable(int fd, const Stop& stop, SteadyTime deadline) {
  return wait_for_event(fd, POLLOUT, stop, deadline);
}

Wakeup::Wakeup() : fd_(check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {}
Wakeup::~Wakeup() {
  ::close(fd_);
}
void Wakeup::notify() const {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(fd_, &one, sizeof one);
}
void Wakeup::drain() const {
  uint64_t count;
  [[maybe_unused]] const ssize_t n = ::read(fd_, &count, sizeof count);
}

}  // namespace slipway
