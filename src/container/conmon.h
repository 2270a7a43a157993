// conmon: one small program that stays with each container (and each exec), so that both outlive
// the daemon. It makes the container through the runtime, holds its streams, writes its log, serves
// an attach socket and leaves an exit file. This file speaks its protocol; it decides nothing.
//
// Files of one conmon, in its own short directory (socket paths are limited to 108 bytes):
//   conmon.pid, pid (the container's), attach (socket), ctl (FIFO), exit/<container> (exit code),
//   oom (present after an out-of-memory kill).
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/stop.h"
#include "container/engine.h"

namespace slipway::container {

struct ConmonOptions {
  std::string container_id, unique_id, name, directory;
  std::string runtime, runtime_root;
  std::string log_path;       // empty: no log
  uint64_t log_max_size = 0;  // at which it begins the log anew; 0: never
  bool tty = false, stdin_open = false, leave_stdin_open = false;
  // For an exec: the process specification's file; connect is called when output can be caught.
  std::string exec_process;
  std::function<void()> on_attachable;
};

struct ConmonStarted {
  int pid = 0;        // of the container's (or exec's) process; 0: failed
  std::string error;  // the runtime's message when it failed
};
// Throws Error(unavailable) when conmon itself cannot be started or dies.
ConmonStarted start_conmon(const ConmonOptions& options);

// The living conmon of a directory: its pid and a pidfd that turns readable when it ends.
struct ConmonHandle {
  int pid = 0;
  Fd pidfd;
};
// nullopt when there is none: a pid reused by another program is not mistaken for it.
std::optional<ConmonHandle> find_conmon(const std::string& directory,
                                        const std::string& container_id);
// The container's process of a directory, provided that it is conmon's child.
int find_container_process(const std::string& directory, int conmon_pid);

struct ExitRecord {
  int code = 0;
  TimePoint time;
};
std::optional<ExitRecord> read_exit(const std::string& directory, const std::string& container_id);
bool was_oom_killed(const std::string& directory);

// A connection to the attach socket.
Fd connect_attach(const std::string& directory);
// Copies both ways until conmon ends the connection, or stop, or the output function throws. True
// when the client typed the detach keys.
bool pump_attach(const Fd& socket, const Streams& streams, bool stdin_open, const Stop& stop);
// Finds the keys that end an attachment in what is typed, also when they come in pieces.
class DetachKeys {
 public:
  explicit DetachKeys(std::string keys) : keys_(std::move(keys)) {}
  // What is to be passed on; complete() once the keys were typed.
  std::string pass(std::string_view typed);
  bool complete() const { return !keys_.empty() && matched_ == keys_.size(); }

 private:
  std::string keys_;
  size_t matched_ = 0;
};
// Sets the terminal's size. Throws Error(not_found) when there is none.
void resize_terminal(const std::string& directory, int height, int width);

}  // namespace slipway::container
