#include "container/log_rotator.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "container/conmon.h"

namespace slipway::container {
namespace {

constexpr auto kLook = milliseconds(250);

std::string set_aside(const std::string& path, int number) {
  return fmt::format("{}.{}", path, number);
}

}  // namespace

void shift_log_files(const std::string& path, int files) {
  if (files <= 1) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw SystemError(errno, "remove " + path);
    return;
  }
  for (int i = files - 1; i >= 1; --i) {
    const std::string from = i == 1 ? path : set_aside(path, i - 1);
    if (::rename(from.c_str(), set_aside(path, i).c_str()) != 0 && errno != ENOENT)
      throw SystemError(errno, "rename " + from);
  }
}

void LogRotator::watch(const std::string& id, const std::string& log_path,
                       const std::string& control_directory, LogLimits limits) {
  if (limits.max_size == 0 || log_path.empty()) return;
  const std::lock_guard lock(mutex_);
  logs_[id] = {log_path, control_directory, limits};
  if (!thread_.joinable()) thread_ = std::jthread([this] { run(); });
  changed_.notify_all();
}

void LogRotator::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  logs_.erase(id);
}

void LogRotator::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LogRotator::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !logs_.empty(); });
    if (stopping_) return;
    for (const auto& [id, log] : logs_) {
      struct stat info {};
      // Absent: conmon has not opened the new one yet.
      if (::stat(log.path.c_str(), &info) != 0) continue;
      if (static_cast<uint64_t>(info.st_size) < log.limits.max_size) continue;
      try {
        shift_log_files(log.path, log.limits.max_files);
        reopen_log(log.control_directory);
      } catch (const std::exception& e) {
        log::warning("container", "rotate the log of {}: {}", id, e.what());
      }
    }
    changed_.wait_for(lock, kLook, [&] { return stopping_; });
  }
}

}  // namespace slipway::container
