// The audit log: one JSON line per AWS call, appended; at 64 MiB the file moves to <path>.1.
#pragma once
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sync.h"

namespace slipway::aws {

struct AuditEntry {
  TimePoint time;
  std::string service, operation, region, principal, peer, error, request_id;
  int status = 0;
  double ms = 0;
};

class AuditLog {
 public:
  explicit AuditLog(std::string path);  // empty: no log
  // Never throws: a full disk must not fail the call; it is logged once.
  void append(const AuditEntry& entry);

 private:
  std::shared_ptr<Fd> open_for(size_t bytes);

  struct State {
    std::shared_ptr<Fd> file;
    uint64_t size = 0;
    bool complained = false;
  };
  const std::string path_;
  Sync<State> state_;
};

}  // namespace slipway::aws
