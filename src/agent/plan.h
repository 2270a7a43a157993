// The task state machine, pure: what a task's record becomes given what is observed, and what is to
// be done next. Every action may be repeated; whoever carries them out (worker.h) notes failures in
// the record and plans again.
#pragma once
#include <string>
#include <vector>

#include "agent/record.h"

namespace slipway::agent {

// One container as the engine has it.
struct Seen {
  bool there = false;    // known to the engine
  bool started = false;  // ran, or runs
  bool running = false;
  int exit_code = 0;
  bool oom_killed = false;
  std::string id, health, error, image_id, image_digest;
  std::optional<TimePoint> started_at, finished_at;
  std::vector<PortMapping> bindings;
};

struct Observed {
  bool prepared = false;      // network, endpoints, cgroup stand (in this life of the daemon)
  bool pulling = false;       // a pull is under way
  bool released = false;      // nothing of the task is left on the host
  bool logs_drained = false;  // all output has been handed on
  std::vector<Seen> containers;
};

enum class Do {
  prepare,
  pull,  // all images not pulled yet
  create,
  start,
  signal,  // the stop signal
  kill,
  release,
};
const char* to_string(Do what);

struct Action {
  Do what;
  size_t container = 0;
};

struct Plan {
  TaskRecord next;
  std::vector<Action> actions;
  std::optional<TimePoint> wake_at;  // plan again then, even if nothing happens
  bool save = false;                 // next must be durable before the actions are carried out
};

Plan plan(const TaskRecord& record, const Observed& observed, TimePoint now);

// What the worker notes when an action failed. reason: "CannotStartContainerError: ..."
void fail_container(TaskRecord& record, size_t container, const std::string& reason, TimePoint now);
// The whole task cannot go on.
void fail_task(TaskRecord& record, const std::string& reason, TimePoint now);
// Desired: stopped. stop_code and reason stay empty when the control plane asked.
void request_stop(TaskRecord& record);

inline constexpr seconds default_stop_timeout{30};
// How long the end of a task waits for its last log lines to be taken.
inline constexpr seconds drain_patience{10};

}  // namespace slipway::agent
