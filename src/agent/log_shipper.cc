#include "agent/log_shipper.h"

#include <deque>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"

namespace slipway::agent {
namespace {

constexpr size_t buffer_lines = 10'000;  // above, the reader waits: the file keeps the rest
constexpr size_t batch_lines = 1'000;
constexpr milliseconds gather{50};  // lines that arrive together are delivered together
constexpr milliseconds retry{1'000};

uint64_t read_cursor(const std::string& path) {
  const auto text = read_file_if_exists(path);
  return text ? parse_uint(trim(*text)).value_or(0) : 0;
}

}  // namespace

struct Follower {
  std::string key, cursor_file;
  LogShipper::Source source;
  LogShipper::Put put;
  std::function<void()> on_drained;
  Stop stop;
  std::jthread reader;
  // Under the shipper's lock:
  std::deque<LogShipper::Line> lines;
  uint64_t delivered = 0;  // ordinal of lines.front()
  bool source_ended = false, drained = false, warned = false;
};

struct LogShipper::Impl {
  mutable std::mutex mutex;
  std::condition_variable arrived, room;
  std::map<std::string, std::shared_ptr<Follower>> followers;
  bool stopping = false;
  std::jthread deliverer;

  void read(const std::shared_ptr<Follower>& follower);
  bool accept(Follower& follower, const Line& line);
  void deliver_loop();
  bool deliver(const std::shared_ptr<Follower>& follower);
  bool work_left() const;
};

LogShipper::LogShipper() : impl_(std::make_unique<Impl>()) {
  impl_->deliverer = std::jthread([this] { impl_->deliver_loop(); });
}

LogShipper::~LogShipper() {
  std::vector<std::shared_ptr<Follower>> all;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    for (auto& [key, follower] : impl_->followers) {
      follower->stop.request();
      all.push_back(follower);
    }
  }
  impl_->arrived.notify_all();
  impl_->room.notify_all();
  for (auto& follower : all) {
    if (follower->reader.joinable()) follower->reader.join();
  }
  impl_->deliverer.join();
}

void LogShipper::follow(const std::string& key, const std::string& cursor_file, Source source,
                        Put put, std::function<void()> on_drained) {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->stopping || impl_->followers.contains(key)) return;
  auto follower = std::make_shared<Follower>();
  follower->key = key;
  follower->cursor_file = cursor_file;
  follower->source = std::move(source);
  follower->put = std::move(put);
  follower->on_drained = std::move(on_drained);
  follower->delivered = read_cursor(cursor_file);
  impl_->followers[key] = follower;
  follower->reader = std::jthread([this, follower] { impl_->read(follower); });
}

bool LogShipper::drained(const std::string& key) const {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->followers.find(key);
  return found == impl_->followers.end() || found->second->drained;
}

void LogShipper::forget(const std::string& key) {
  std::shared_ptr<Follower> follower;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->followers.find(key);
    if (found == impl_->followers.end()) return;
    follower = found->second;
    impl_->followers.erase(found);
    follower->stop.request();
  }
  impl_->room.notify_all();
  if (follower->reader.joinable()) follower->reader.join();
}

bool LogShipper::Impl::accept(Follower& follower, const Line& line) {
  std::unique_lock lock(mutex);
  room.wait(lock,
            [&] { return follower.stop.requested() || follower.lines.size() < buffer_lines; });
  if (follower.stop.requested()) return false;
  follower.lines.push_back(line);
  if (follower.lines.size() == 1) arrived.notify_one();
  return true;
}

void LogShipper::Impl::read(const std::shared_ptr<Follower>& follower) {
  uint64_t skip = 0;
  {
    const std::lock_guard lock(mutex);
    skip = follower->delivered;
  }
  try {
    follower->source(follower->stop, [&](const Line& line) {
      if (skip > 0) {
        --skip;
        return true;
      }
      return accept(*follower, line);
    });
  } catch (const Error& e) {
    if (e.kind() != Kind::cancelled)
      log::warning("agent", "reading the output of {}: {}", follower->key, e.what());
  }
  if (follower->stop.requested()) return;
  const std::lock_guard lock(mutex);
  follower->source_ended = true;
  arrived.notify_one();
}

bool LogShipper::Impl::work_left() const {
  return std::any_of(followers.begin(), followers.end(), [](const auto& entry) {
    const auto& follower = *entry.second;
    return !follower.lines.empty() || (follower.source_ended && !follower.drained);
  });
}

// False: to be tried again later.
bool LogShipper::Impl::deliver(const std::shared_ptr<Follower>& follower) {
  for (;;) {
    std::vector<Line> batch;
    uint64_t first = 0;
    {
      const std::lock_guard lock(mutex);
      if (follower->stop.requested()) return true;
      const auto count = std::min(follower->lines.size(), batch_lines);
      batch.assign(follower->lines.begin(),
                   follower->lines.begin() + static_cast<std::ptrdiff_t>(count));
      first = follower->delivered;
      if (batch.empty()) {
        if (!follower->source_ended || follower->drained) return true;
        follower->drained = true;
      }
    }
    if (batch.empty()) {
      if (follower->on_drained) follower->on_drained();
      return true;
    }
    try {
      follower->put(batch, first);
      write_file(follower->cursor_file, std::to_string(first + batch.size()));
    } catch (const std::exception& e) {
      if (!std::exchange(follower->warned, true))
        log::warning("agent", "delivering the output of {}: {}", follower->key, e.what());
      return false;
    }
    const std::lock_guard lock(mutex);
    follower->lines.erase(follower->lines.begin(),
                          follower->lines.begin() + static_cast<std::ptrdiff_t>(batch.size()));
    follower->delivered = first + batch.size();
    room.notify_all();
  }
}

void LogShipper::Impl::deliver_loop() {
  bool again = false;
  for (;;) {
    std::vector<std::shared_ptr<Follower>> all;
    {
      std::unique_lock lock(mutex);
      if (again) {
        arrived.wait_for(lock, retry, [&] { return stopping; });
      } else {
        arrived.wait(lock, [&] { return stopping || work_left(); });
        arrived.wait_for(lock, gather, [&] { return stopping; });
      }
      if (stopping) return;
      for (const auto& [key, follower] : followers) all.push_back(follower);
    }
    again = false;
    for (const auto& follower : all) again |= !deliver(follower);
  }
}

}  // namespace slipway::agent
