// Starts programs and waits for them, by posix_spawn (the child runs none of our code between fork
// and exec) and pidfd (a reused pid is never signalled or waited for by mistake). Not for threads,
// not for containers: those are the runtime's children.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/stop.h"

namespace slipway::linux {

// How a process ended.
struct ExitStatus {
  int code = 0;    // meaningful when signal is 0
  int signal = 0;  // the signal that ended it
  bool ok() const { return code == 0 && signal == 0; }
  // As a shell reports it: the code, or 128 + signal.
  int shell_code() const { return signal != 0 ? 128 + signal : code; }
  std::string describe() const;  // "exit code 3", "signal 9 (Killed)"
};

struct SpawnOptions {
  std::vector<std::string> argv{};  // argv[0] is looked up in PATH unless it has a slash
  std::optional<std::vector<std::string>> env{};  // "K=V"; nullopt: this process's environment
  std::string cwd{};                              // empty: ours
  // The child's descriptor -> ours (borrowed for the call). 0, 1 and 2 are /dev/null unless named;
  // nothing else is inherited.
  std::map<int, int> fds{};
  bool new_session = false;  // setsid: survives our terminal, is its own process group
};

// A child of ours. Move-only. The destructor kills and reaps it unless it has been waited for or
// let go.
class Process {
 public:
  Process() = default;
  // Throws SystemError "start <program>: No such file or directory".
  static Process spawn(const SpawnOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  int pid() const { return pid_; }
  // Readable once the process has ended.
  int pidfd() const { return pidfd_.get(); }
  // nullopt: deadline or stop. Repeats the same answer afterwards.
  std::optional<ExitStatus> wait(const Stop& stop = {}, SteadyTime deadline = SteadyTime::max());
  void kill(int signal) const;  // already gone: nothing happens
  // The destructor shall neither kill nor reap (reap is then up to whoever waits for the pid).
  void let_go();

 private:
  int pid_ = 0;
  Fd pidfd_;
  std::optional<ExitStatus> status_;
};

struct RunOptions {
  SteadyTime deadline = SteadyTime::max();
  size_t output_limit = 1u << 20;  // for each stream; the rest is read and dropped
  std::string input{};             // stdin's text
};
struct RunResult {
  ExitStatus status;
  std::string out, err;
  bool truncated = false;
};
// Runs a program to its end and captures stdout and stderr (unless options.fds names them). A
// grandchild that keeps the pipes open does not delay the return. Throws Error(timeout) /
// Error(cancelled) after killing it.
RunResult run(const SpawnOptions& options, const RunOptions& how = {}, const Stop& stop = {});
// As run, but throws Error(internal) "<program> failed: exit code 1: <its last stderr lines>".
RunResult run_ok(const SpawnOptions& options, const RunOptions& how = {}, const Stop& stop = {});

// Clock ticks since boot at which a process began: (pid, start time) names a process for ever.
// nullopt when there is no such process (zombies count as there).
std::optional<uint64_t> process_start_time(int pid);
// True when pid is alive (not a zombie) and began at that time.
bool process_alive(int pid, uint64_t start_time);
// A handle of somebody else's process; invalid Fd when it has gone.
Fd open_pidfd(int pid);
// False when the process has gone.
bool signal_pidfd(int pidfd, int signal);

}  // namespace slipway::linux
