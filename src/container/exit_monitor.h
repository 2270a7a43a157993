// One thread that watches the conmon of every container and exec: their pidfds turn readable when
// they end, however they end.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/stop.h"

namespace slipway::container {

class ExitMonitor {
 public:
  ExitMonitor();
  ~ExitMonitor();
  // Calls ended once, from the monitor's thread: it must be quick and must not throw.
  void watch(Fd pidfd, std::function<void()> ended);
  void stop();

 private:
  void run();
  struct Watched {
    Fd pidfd;
    std::function<void()> ended;
  };
  Fd epoll_;
  Stop stop_;
  std::mutex mutex_;
  std::map<uint64_t, Watched> watched_;
  uint64_t next_ = 1;
  std::jthread thread_;
};

}  // namespace slipway::container
