// Keeps logs below their max-size with max-file files. The cap itself is conmon's: the moment its
// file is full it puts a new one in its place (a rename), burst or not, daemon or not. What was in
// its place would be gone, were it not for a second name, path.keep, that the rotator gives every
// new file; after a change it becomes path.1, path.1 becomes path.2, and the oldest goes. While no
// daemon runs, the newest change keeps that name; of earlier ones in that time nothing is left.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/fd.h"
#include "base/stop.h"
#include "container/host_check.h"

namespace slipway::container {

class LogRotator {
 public:
  LogRotator() = default;
  ~LogRotator() { stop(); }
  LogRotator(const LogRotator&) = delete;
  LogRotator& operator=(const LogRotator&) = delete;

  // Before conmon opens the log, or (after a restart of the daemon) while it writes. Nothing
  // happens where no file is to be kept beside conmon's own.
  void watch(const std::string& id, const std::string& log_path, LogLimits limits);
  void forget(const std::string& id);
  void stop();

 private:
  struct Log {
    std::string path;
    int files = 1, watch = -1;
  };
  void open();
  void run();
  void take_changes();
  std::mutex mutex_;
  std::map<std::string, Log> logs_;      // by container
  std::map<int, std::string> by_watch_;  // the containers' ids
  Fd inotify_;
  Stop stop_;
  std::jthread thread_;
};

// If the file at path is another than path.keep: that one becomes path.1 and so on, and the new one
// gets the name. Can be repeated after a crash at any point. Makes the file when it is not there.
void keep_log(const std::string& path, int files);

}  // namespace slipway::container
