// What the agent keeps of a task: its specification, what was observed, and how far it has come.
// The table "agent_tasks", keyed by task ARN. No behaviour beyond small questions.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "store/table.h"

namespace slipway::agent {

struct ContainerRecord {
  ContainerStatus status;   // status.name is the specification's
  std::string docker_name;  // chosen before the container is made: finds it again after a crash
  std::string token;        // names the container at the metadata endpoint
  std::string engine_id;
  std::string image_id;  // pulled
  std::string log_stream;
  bool failed = false;  // ended without having run: reason says why
  std::optional<TimePoint> signalled_at, killed_at;
};

struct TaskRecord {
  TaskSpec spec;
  TaskStatus status;  // its containers stay empty: they are below
  std::vector<ContainerRecord> containers;
  std::string credentials_id;
  bool want_running = true;
  bool hurry = false;                 // stop by SIGKILL at once
  bool forget = false;                // erase when stopped
  std::optional<TimePoint> ended_at;  // the last container has ended
};

void to_json(nlohmann::json& json, const TaskRecord& record);
void from_json(const nlohmann::json& json, TaskRecord& record);

inline constexpr store::Table<TaskRecord> task_records{"agent_tasks"};

// A fresh record with names and tokens chosen. Throws Error(invalid_argument) when the
// specification cannot be carried out.
TaskRecord make_record(const TaskSpec& spec);
// The public view.
TaskStatus public_status(const TaskRecord& record);
size_t container_index(const TaskRecord& record, std::string_view name);  // npos when absent
inline constexpr size_t no_container = static_cast<size_t>(-1);

}  // namespace slipway::agent
