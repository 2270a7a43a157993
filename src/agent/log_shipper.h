// Carries containers' output to CloudWatch Logs: one reading thread for each container, one
// delivering thread for all. A line's ordinal is its number in the container's log file, so a
// restart repeats at most what the receiver drops again. Never loses lines while the file is there.
// Thread-safe.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "agent/agent.h"

namespace slipway::agent {

class LogShipper {
 public:
  using Line = container::LogLine;
  // Calls the sink for each line from the container's first one; returns when it has ended.
  using Source = std::function<void(const Stop&, const std::function<bool(const Line&)>& sink)>;
  // May throw: tried again later.
  using Put = std::function<void(const std::vector<Line>&, uint64_t first_ordinal)>;

  LogShipper();
  ~LogShipper();  // readers and deliverer end; what is not delivered is read again next time

  // key known already: nothing happens. cursor_file: remembers how many lines were delivered.
  // on_drained is called (from a thread of ours) once the source has ended and all is delivered.
  void follow(const std::string& key, const std::string& cursor_file, Source source, Put put,
              std::function<void()> on_drained);
  bool drained(const std::string& key) const;  // unknown: true
  void forget(const std::string& key);         // ends its reader; undelivered lines are dropped

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::agent
