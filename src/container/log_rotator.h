// Keeps containers' logs below their max-size: the full file is set aside as container.log.1 (and
// so on), and conmon is told to open a new one. It looks only while there is something to look
// after.
#pragma once
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "container/host_check.h"

namespace slipway::container {

class LogRotator {
 public:
  LogRotator() = default;
  ~LogRotator() { stop(); }
  LogRotator(const LogRotator&) = delete;
  LogRotator& operator=(const LogRotator&) = delete;

  // control_directory: conmon's. Nothing happens without a max-size.
  void watch(const std::string& id, const std::string& log_path,
             const std::string& control_directory, LogLimits limits);
  void forget(const std::string& id);
  void stop();

 private:
  struct Log {
    std::string path, control_directory;
    LogLimits limits;
  };
  void run();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Log> logs_;
  bool stopping_ = false;
  std::jthread thread_;
};

// path -> path.1 -> ... -> path.(files - 1); the oldest goes. With one file it goes itself.
void shift_log_files(const std::string& path, int files);

}  // namespace slipway::container
