// Tasks: made by RunTask or a service, stopped by anyone, run by loop_task.cc.
#pragma once
#include "ecs/api.h"
#include "ecs/cluster.h"
#include "ecs/names.h"

namespace slipway::ecs {

shape::RunTaskResponse run_task(Ecs& self, aws::Context& c, const shape::RunTaskRequest& in);
shape::StopTaskResponse stop_task(Ecs& self, aws::Context& c, const shape::StopTaskRequest& in);
shape::DescribeTasksResponse describe_tasks(Ecs& self, aws::Context& c,
                                            const shape::DescribeTasksRequest& in);
shape::ListTasksResponse list_tasks(Ecs& self, aws::Context& c, const shape::ListTasksRequest& in);

// --- task_create.cc: also for the service loop ---

struct NewTask {
  std::string region, account, cluster, id;
  std::string service, deployment;  // of a service's task
  std::string group, started_by, launch_type, capacity_provider, platform_version;
  std::string subnet;
  std::vector<std::string> security_groups;
  std::vector<TaskTarget> targets;
  shape::TaskOverride overrides;
  Tags tags;
  bool execute_command = false;
};
// Desired state of a task in PROVISIONING; the caller stores it. Pure.
TaskRecord make_task(const NewTask& wanted, const shape::TaskDefinition& definition, TimePoint now);
// Takes an address of the subnet for the task. Throws Error(conflict) when the subnet is full,
// Error(not_found) when it does not exist.
void attach_interface(store::Writer& db, TaskRecord& task, const std::string& subnet,
                      std::vector<std::string> security_groups);

// Says that the task must end and, if it serves, begins to drain its targets. Idempotent.
void request_stop(store::Writer& db, TaskRecord& task, const std::string& stop_code,
                  const std::string& reason, TimePoint now);
// For a task that never got as far as the agent.
void mark_stopped(TaskRecord& task, TimePoint now);
void mark_failed_to_start(TaskRecord& task, const std::string& reason, TimePoint now);

// awsvpcConfiguration, with subnets and groups that exist; throws InvalidParameterException.
void check_network(const store::Reader& db,
                   const std::optional<shape::NetworkConfiguration>& network);
// Throws unless the definition can run on the compute; returns nothing for EC2 without complaint.
void check_compatible(const shape::TaskDefinition& definition, const std::string& launch_type);

bool is_pending(const shape::Task& task);  // PROVISIONING, PENDING, ACTIVATING
shape::Task present(const TaskRecord& record, bool with_tags);

}  // namespace slipway::ecs
