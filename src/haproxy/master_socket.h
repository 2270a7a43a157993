// Speaks to HAProxy's master over its command socket: one command per connection, answers in text.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace slipway::haproxy {

struct WorkerProcess {
  int pid = 0;
  bool current = false;  // false: replaced by a reload, finishing its connections
};
struct ProcessList {
  int master = 0;
  int failed_reloads = 0;  // since the last one that worked
  std::vector<WorkerProcess> workers;
};
// One line of "show servers state".
struct ServerState {
  std::string backend, server, address;
  uint16_t port = 0;
  bool up = false;
};

// Pure parsers of answers; what they cannot read is left out.
ProcessList parse_processes(const std::string& text);
std::vector<ServerState> parse_servers(const std::string& text);

class MasterSocket {
 public:
  explicit MasterSocket(std::string path) : path_(std::move(path)) {}
  // Throws Error(unavailable) when nobody answers within the time.
  std::string command(const std::string& text, milliseconds time = milliseconds(3000)) const;
  ProcessList processes() const { return parse_processes(command("show proc")); }
  // What the current worker was started with; nullopt when there is none.
  std::optional<std::string> description() const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace slipway::haproxy
