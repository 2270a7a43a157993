// The OCI runtime program (crun or runc): which one works on this machine, the few commands we give
// it, and its error texts in Docker's words. Starting a container goes through conmon (conmon.h).
#pragma once
#include <string>
#include <string_view>

#include "base/stop.h"

namespace slipway::container {

class Runtime {
 public:
  // state_root: the runtime's own --root. Nothing is probed yet.
  Runtime(std::string state_root, std::string probe_root, std::string program = {});
  // The path of the first runtime that can start a container here; probed once. Throws
  // Error(unavailable) naming what each said.
  const std::string& program();
  // crun's or runc's path; "" : program(). Throws Error(invalid_argument) when it is not installed.
  std::string program_named(const std::string& name);
  // The one that made this container, as its state tells.
  std::string program_of(const std::string& id);
  const std::string& state_root() const { return state_root_; }

  void start(const std::string& id);
  void kill(const std::string& id, int signal, bool all = false);
  void pause(const std::string& id);
  void resume(const std::string& id);
  // Kills what is left and removes cgroups and state; absent is fine. Of a container whose process
  // has ended, the cgroup may be left to the caller.
  void destroy(const std::string& id);
  // "created", "running", "paused", "stopped"; empty when unknown.
  std::string state(const std::string& id);

 private:
  bool start_waiting(const std::string& id) const;
  bool forget_ended(const std::string& id) const;
  void command(const std::string& id, std::vector<std::string> args);
  std::string state_root_, probe_root_;
  std::mutex mutex_;
  std::string program_;
};

// A runtime's message in the form that the docker CLI takes exit codes 126 and 127 from:
// "failed to create task for container: ... OCI runtime create failed: ...: unknown".
std::string describe_runtime_error(std::string_view message, std::string_view command);
// The short form of an exec's ("OCI runtime exec failed: exec failed: ...: unknown").
std::string describe_exec_error(std::string_view message, std::string_view command);
// The exit code that goes with a start's error text: 127, 126, else 128.
int exit_code_of_start_error(std::string_view text);

}  // namespace slipway::container
