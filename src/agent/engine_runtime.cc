#include "agent/engine_runtime.h"

#include <csignal>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/names.h"
#include "container/network.h"

namespace slipway::agent {
namespace {

constexpr int pull_tries = 3;
constexpr seconds pull_pause{1};

std::string text_file(const std::string& path) {
  return read_file_if_exists(path).value_or("");
}

}  // namespace

EngineRuntime::EngineRuntime(Agent::Options options, store::Store& store, container::Engine& engine,
                             image::Images& images, registry::Client& registry, Hooks hooks)
    : options_(std::move(options)),
      engine_(engine),
      images_(images),
      registry_(registry),
      hooks_(std::move(hooks)),
      network_(options_.run_root + "/task-netns", store),
      endpoints_(engine, hooks_.role_credentials) {}

std::string EngineRuntime::folder(const TaskRecord& record) const {
  return options_.root + "/" + record.spec.id;
}

std::optional<container::Info> EngineRuntime::info(const TaskRecord& record,
                                                   size_t container) const {
  const auto& known = record.containers.at(container);
  return engine_.find(known.engine_id.empty() ? known.docker_name : known.engine_id);
}

void EngineRuntime::adopt(const TaskRecord& record, const TaskHandle& handle) {
  for (size_t i = 0; i < record.containers.size(); ++i) {
    const auto found = info(record, i);
    if (!found || !found->state.started_at) continue;
    TaskRecord with_id = record;  // a crash may have come before the id was noted
    with_id.containers[i].engine_id = found->id;
    follow(with_id, i, handle);
  }
}

void EngineRuntime::write_etc(const TaskRecord& record) const {
  const auto& interface = record.spec.network;
  write_file(folder(record) + "/hosts",
             container::hosts_text(interface->ip, interface->private_dns_name, {}, {}, {}));
  write_file(folder(record) + "/resolv.conf",
             container::resolv_text({}, text_file("/etc/resolv.conf"), true));
}

void EngineRuntime::prepare(const TaskRecord& record, const TaskHandle& handle) {
  const auto& spec = record.spec;
  try {
    make_directories(folder(record), 0711);
    linux::CgroupLimits limits;
    if (spec.memory_mib > 0) {
      limits.memory_bytes = static_cast<uint64_t>(spec.memory_mib) << 20;
      limits.memory_swap_bytes = static_cast<int64_t>(limits.memory_bytes);  // Fargate has no swap
    }
    if (spec.cpu > 0) {
      limits.cpu_quota_us = std::max<int64_t>(spec.cpu * limits.cpu_period_us / 1024, 1000);
      limits.cpu_shares = static_cast<uint64_t>(spec.cpu);
    }
    cgroups_.create(task_cgroup(spec.id), limits);
    if (spec.network_mode == "awsvpc") {
      write_etc(record);
      network_.attach(spec.id, *spec.network);
      endpoints_.open(spec.id, network_.netns_path(spec.id), handle.snapshot);
    } else if (spec.network_mode != "none") {
      endpoints_.open(spec.id, {}, handle.snapshot);
    }
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("ResourceInitializationError: {}", e.what()));
  }
}

// What is here already is not fetched again; names of the local registry are always looked up
// there.
TaskRuntime::Pulled EngineRuntime::pull(const std::string& image, const Stop& stop) {
  for (int tries = 1;; ++tries) {
    try {
      const auto name = image::Reference::parse(image);
      if (!registry::local_domain(name.domain)) {
        if (const auto known = images_.find(name.full()))
          return {known->id, known->manifest_digest};
      }
      const auto pulled = registry_.pull(name, std::nullopt, {}, stop);
      return {pulled.image_id, pulled.manifest_digest};
    } catch (const Error& e) {
      const bool passing = e.kind() == Kind::unavailable || e.kind() == Kind::timeout;
      if (stop.requested()) throw;
      if (!passing || tries >= pull_tries)
        throw Error(e.kind(), pull_failure_text(image, e, tries));
    }
    if (stop.wait_for(pull_pause)) throw cancelled("stopped");
  }
}

void EngineRuntime::create(const TaskRecord& record, size_t container) {
  if (info(record, container)) return;
  try {
    engine_.create(container_spec(record, container, folder(record),
                                  network_.netns_path(record.spec.id), options_.environment));
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("CannotCreateContainerError: {}", e.what()));
  }
}

std::string EngineRuntime::start(const TaskRecord& record, size_t container,
                                 const TaskHandle& handle) {
  std::string stream;
  if (const auto& logs = record.spec.containers[container].logs) {
    stream = log_stream_name(record, container);
    try {
      hooks_.open_log_stream(*logs, stream);
    } catch (const Error& e) {
      throw Error(
          e.kind(),
          fmt::format("ResourceInitializationError: failed to validate logger args: {}", e.what()));
    }
  }
  try {
    engine_.start(record.containers[container].engine_id);
  } catch (const Error& e) {
    if (e.kind() != Kind::not_modified)
      throw Error(e.kind(), fmt::format("CannotStartContainerError: {}", e.what()));
  }
  follow(record, container, handle);
  return stream;
}

void EngineRuntime::follow(const TaskRecord& record, size_t container, const TaskHandle& handle) {
  const auto& logs = record.spec.containers[container].logs;
  if (!logs) return;
  const auto id = record.containers[container].engine_id;
  auto source = [this, id](const Stop& stop,
                           const std::function<bool(const LogShipper::Line&)>& sink) {
    container::LogOptions options;
    options.follow = true;
    engine_.logs(id, options, stop, sink);
  };
  auto put = [this, logs = *logs, stream = log_stream_name(record, container)](
                 const std::vector<LogShipper::Line>& lines, uint64_t first) {
    hooks_.put_log_lines(logs, stream, lines, first);
  };
  make_directories(folder(record), 0711);
  shipper_.follow(
      record.containers[container].docker_name,
      fmt::format("{}/{}.cursor", folder(record), record.spec.containers[container].name),
      std::move(source), std::move(put), handle.wake);
}

void EngineRuntime::signal(const TaskRecord& record, size_t container) {
  const auto found = info(record, container);
  if (!found) return;
  int number = SIGTERM;
  if (const auto image = images_.find(record.containers[container].image_id)) {
    if (const auto own = container::parse_signal(image->config.stop_signal)) number = *own;
  }
  try {
    engine_.kill(found->id, number);
  } catch (const Error& e) {
    if (e.kind() != Kind::conflict && e.kind() != Kind::not_found) throw;  // it has ended
  }
}

void EngineRuntime::kill(const TaskRecord& record, size_t container) {
  const auto found = info(record, container);
  if (!found) return;
  try {
    engine_.kill(found->id, SIGKILL);
  } catch (const Error& e) {
    if (e.kind() != Kind::conflict && e.kind() != Kind::not_found) throw;
  }
}

Seen EngineRuntime::look(const TaskRecord& record, size_t container) {
  Seen seen;
  if (record.containers[container].status.last_status == "STOPPED") return seen;
  const auto found = info(record, container);
  if (!found) return seen;
  const auto& state = found->state;
  seen.there = true;
  seen.id = found->id;
  seen.image_id = found->spec.image;  // we always name it by its id
  if (record.containers[container].image_id.empty()) {
    if (const auto image = images_.find(seen.image_id)) seen.image_digest = image->manifest_digest;
  }
  seen.started = state.started_at.has_value();
  using container::Status;
  seen.running = state.status == Status::running || state.status == Status::paused ||
                 state.status == Status::restarting;
  seen.exit_code = state.exit_code;
  seen.oom_killed = state.oom_killed;
  seen.health = state.health;
  seen.error = state.error;
  seen.started_at = state.started_at;
  seen.finished_at = state.finished_at;
  const auto& mode = record.spec.network_mode;
  if (mode == "host") seen.bindings = record.spec.containers[container].ports;
  if (mode != "bridge" && !mode.empty()) return seen;
  for (const auto& port : found->ports) {
    PortMapping mapping;
    mapping.container_port = port.container_port;
    mapping.host_port = port.host_port;
    mapping.protocol = port.protocol;
    seen.bindings.push_back(std::move(mapping));
  }
  return seen;
}

bool EngineRuntime::logs_drained(const TaskRecord& record) {
  return std::all_of(
      record.containers.begin(), record.containers.end(),
      [&](const auto& container) { return shipper_.drained(container.docker_name); });
}

void EngineRuntime::remove_container(const container::Info& info) {
  try {
    engine_.remove(info.id, true, true);
  } catch (const Error& e) {
    if (e.kind() != Kind::not_found) throw;
  }
}

void EngineRuntime::release(const TaskRecord& record) {
  const auto& id = record.spec.id;
  endpoints_.close(id);
  for (size_t i = 0; i < record.containers.size(); ++i) {
    shipper_.forget(record.containers[i].docker_name);
    if (const auto found = info(record, i)) remove_container(*found);
  }
  network_.detach(id);
  if (cgroups_.exists(task_cgroup(id)) && !cgroups_.remove(task_cgroup(id)))
    throw conflict("processes are left in control group {}", task_cgroup(id));
  remove_tree(folder(record));
}

void EngineRuntime::restore(const std::set<std::string>& keep_task_ids) {
  for (const auto& info : engine_.list()) {
    const auto label = info.spec.labels.find("slipway.task");
    if (info.spec.owner != "ecs" || label == info.spec.labels.end()) continue;
    if (!keep_task_ids.contains(label->second)) remove_container(info);
  }
  network_.restore(keep_task_ids);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.root, error)) {
    const auto id = entry.path().filename().string();
    if (keep_task_ids.contains(id)) continue;
    cgroups_.remove(task_cgroup(id));
    remove_tree(entry.path());
  }
}

void EngineRuntime::tear_down() {
  restore({});
  network_.tear_down();
  endpoints_.tear_down();
}

}  // namespace slipway::agent
