// TaskRuntime over the container engine, the registry client, the network and CloudWatch Logs.
#pragma once
#include "agent/endpoints.h"
#include "agent/log_shipper.h"
#include "agent/network.h"
#include "agent/runtime.h"
#include "linux/cgroups.h"

namespace slipway::agent {

class EngineRuntime : public TaskRuntime {
 public:
  EngineRuntime(Agent::Options options, store::Store& store, container::Engine& engine,
                image::Images& images, registry::Client& registry, Hooks hooks);

  void adopt(const TaskRecord& record, const TaskHandle& handle) override;
  void prepare(const TaskRecord& record, const TaskHandle& handle) override;
  Pulled pull(const std::string& image, const Stop& stop) override;
  void create(const TaskRecord& record, size_t container) override;
  std::string start(const TaskRecord& record, size_t container, const TaskHandle& handle) override;
  void signal(const TaskRecord& record, size_t container) override;
  void kill(const TaskRecord& record, size_t container) override;
  Seen look(const TaskRecord& record, size_t container) override;
  bool logs_drained(const TaskRecord& record) override;
  void release(const TaskRecord& record) override;

  // Removes what belongs to no task to be kept (containers, namespaces, groups, folders).
  void restore(const std::set<std::string>& keep_task_ids);
  void tear_down();

 private:
  std::optional<container::Info> info(const TaskRecord& record, size_t container) const;
  std::string folder(const TaskRecord& record) const;
  void write_etc(const TaskRecord& record) const;
  void follow(const TaskRecord& record, size_t container, const TaskHandle& handle);
  void remove_container(const container::Info& info);

  const Agent::Options options_;
  container::Engine& engine_;
  image::Images& images_;
  registry::Client& registry_;
  const Hooks hooks_;
  const linux::Cgroups cgroups_ = linux::Cgroups::detect();
  TaskNetwork network_;
  Endpoints endpoints_;
  LogShipper shipper_;
};

// The engine's specification of a task's container. folder: where hosts and resolv.conf are;
// netns: the task's namespace (awsvpc). Pure.
container::Spec container_spec(const TaskRecord& record, size_t container,
                               const std::string& folder, const std::string& netns,
                               const std::vector<std::pair<std::string, std::string>>& extra_env);
std::string log_stream_name(const TaskRecord& record, size_t container);
std::string task_cgroup(const std::string& task_id);
// "CannotPullContainerError: ..." of what the registry client threw.
std::string pull_failure_text(const std::string& image, const Error& error, int tries);

}  // namespace slipway::agent
