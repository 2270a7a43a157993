// CloudWatch Logs' event store, and what logs/ publishes to the daemon's wiring (awslogs).
// Groups and streams are rows of the store; events live in a database file of their own, appended
// in batches. Thread-safe.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "aws/operation.h"
#include "base/clock.h"
#include "store/store.h"

namespace slipway::logs {

struct InputEvent {
  int64_t timestamp_ms = 0;
  std::string message;
};

class Logs {
 public:
  // path: the events' database file.
  Logs(const std::string& path, store::Store& store, Clock& clock);
  ~Logs();

  bool group_exists(const std::string& account, const std::string& region,
                    const std::string& group) const;
  void ensure_group(const std::string& account, const std::string& region,
                    const std::string& group);
  void ensure_stream(const std::string& account, const std::string& region,
                     const std::string& group, const std::string& stream);
  // first_ordinal: number of the first event within the stream as its source counts them; events
  // whose ordinal was stored already are dropped, so a source may repeat after a crash.
  void put(const std::string& account, const std::string& region, const std::string& group,
           const std::string& stream, const std::vector<InputEvent>& events,
           uint64_t first_ordinal);
  // The number of the next event that put(..., first_ordinal) would take for the stream.
  uint64_t next_ordinal(const std::string& account, const std::string& region,
                        const std::string& group, const std::string& stream) const;

  // Deletes events past their group's retention, and those of deleted streams. For the daemon's
  // loop, every minute or so. Returns how many had expired.
  size_t sweep();

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// The operation table ("logs").
aws::Service service(Logs& self);

}  // namespace slipway::logs
