#include "container/log_rotator.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "container/log_reader.h"

namespace slipway::container {
namespace {

std::string set_aside(const std::string& path, int number) {
  return fmt::format("{}.{}", path, number);
}

bool is_same_log(const std::string& a, const std::string& b) {
  struct stat one {
  }, other{};
  return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
         one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

void rename_if_there(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT)
    throw SystemError(errno, "rename " + from);
}

}  // namespace

void keep_log(const std::string& path, int files) {
  const std::string keep = path + ".keep";
  const std::lock_guard lock(log_names());
  // conmon changes its own file without asking: as often as it takes.
  for (int attempt = 0; attempt < 100; ++attempt) {
    const Fd there(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640));
    check(there.get(), "open {}", path);
    if (is_same_log(path, keep)) return;
    if (::access(keep.c_str(), F_OK) == 0) {
      for (int i = files - 1; i > 1; --i)
        rename_if_there(set_aside(path, i - 1), set_aside(path, i));
      rename_if_there(keep, set_aside(path, 1));
    }
    if (::link(path.c_str(), keep.c_str()) != 0 && errno != ENOENT)
      throw SystemError(errno, "link " + keep);
  }
}

void LogRotator::open() {
  if (inotify_) return;
  inotify_ = Fd(check(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "watch logs"));
  thread_ = std::jthread([this] { run(); });
}

void LogRotator::watch(const std::string& id, const std::string& log_path, LogLimits limits) {
  if (limits.max_size == 0 || limits.max_files <= 1 || log_path.empty()) return;
  const std::lock_guard lock(mutex_);
  open();
  const std::string folder = log_path.substr(0, log_path.rfind('/'));
  const int watch =
      check(::inotify_add_watch(inotify_.get(), folder.c_str(), IN_MOVED_TO | IN_ONLYDIR),
            "watch {}", folder);
  logs_[id] = {log_path, limits.max_files, watch};
  by_watch_[watch] = id;
  keep_log(log_path, limits.max_files);
}

void LogRotator::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = logs_.find(id);
  if (found == logs_.end()) return;
  ::inotify_rm_watch(inotify_.get(), found->second.watch);
  by_watch_.erase(found->second.watch);
  const std::string path = found->second.path;
  try {  // the last change may not have been told yet
    keep_log(path, found->second.files);
    if (is_same_log(path, path + ".keep")) ::unlink((path + ".keep").c_str());
  } catch (const std::exception& e) {
    log::warning("container", "rotate the log of {}: {}", id, e.what());
  }
  logs_.erase(found);
}

void LogRotator::stop() {
  stop_.request();
  if (thread_.joinable()) thread_.join();
}

void LogRotator::run() {
  while (wait_readable(inotify_.get(), stop_) == Ready::yes) take_changes();
}

void LogRotator::take_changes() {
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  const std::lock_guard lock(mutex_);
  std::set<std::string> changed;
  for (ssize_t got; (got = ::read(inotify_.get(), buffer.data(), buffer.size())) > 0;) {
    for (size_t at = 0; at < static_cast<size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        for (const auto& [id, log] : logs_) changed.insert(id);
      } else if (const auto of = by_watch_.find(event.wd); of != by_watch_.end()) {
        changed.insert(of->second);
      }
    }
  }
  for (const std::string& id : changed) {
    const Log& log = logs_.at(id);
    try {
      keep_log(log.path, log.files);
    } catch (const std::exception& e) {
      log::warning("container", "rotate the log of {}: {}", id, e.what());
    }
  }
}

}  // namespace slipway::container
