// The end of a container: noting the exit, giving back what it held, restart policies, removal.
#include "base/files.h"
#include "base/log.h"
#include "container/impl.h"
#include "linux/mounts.h"

namespace slipway::container {
namespace {

constexpr auto kFirstDelay = milliseconds(100), kLongestDelay = milliseconds(60'000);
constexpr auto kStableAfter = seconds(10);

bool wants_restart(const Record& record, int code) {
  if (record.manually_stopped) return false;
  const Spec& spec = record.info.spec;
  if (spec.restart_policy == "always" || spec.restart_policy == "unless-stopped") return true;
  if (spec.restart_policy != "on-failure" || code == 0) return false;
  return spec.restart_max == 0 || record.info.state.restart_count < spec.restart_max;
}

// Each step alone: one that fails must not keep the others from being taken.
template <typename Fn>
void attempt(const std::string& id, const char* what, Fn fn) {
  try {
    fn();
  } catch (const std::exception& e) {
    log::warning("container", "{} of {}: {}", what, id, e.what());
  }
}

}  // namespace

void Engine::Impl::release_resources(const Record& record) {
  const std::string& id = record.info.id;
  const std::string& mode = record.info.spec.network_mode;
  // The kernel takes milliseconds to bury a link, the runtime to bury a container: side by side.
  std::jthread network_release;
  if (mode != "host" && !mode.starts_with("container:") && !mode.starts_with("netns:")) {
    network_release = std::jthread([this, &record, id] {
      attempt(id, "release the network", [&] { leave_networks(record); });
    });
  }
  attempt(id, "end the process", [&] { runtime.destroy(id); });
  attempt(id, "remove the cgroup", [&] {
    // The runtime removed it unless it failed half-way.
    const std::string cgroup = cgroup_of(record).substr(1);
    if (!cgroups.exists(cgroup)) return;
    cgroups.kill_all(cgroup, std::chrono::steady_clock::now() + seconds(5));
    cgroups.remove(cgroup);
  });
  attempt(id, "unmount the root", [&] {
    while (linux::unmount(directory(id) + "/merged")) {
    }
    release_shared_mounts(record);
  });
  rotator.forget(id);  // conmon has gone: its last file is there
  attempt(id, "remove run files", [&] { remove_tree(run_directory(id)); });
  if (network_release.joinable()) network_release.join();
  attempt(id, "give back the volumes", [&] { leave_volumes(record); });
}

// Shared memory that others could join, and parts of volumes.
void Engine::Impl::release_shared_mounts(const Record& record) {
  const std::string& id = record.info.id;
  if (record.info.spec.host.ipc_mode == "shareable") {
    while (linux::unmount(directory(id) + "/shm")) {
    }
  }
  const bool parts = std::any_of(record.mounts.begin(), record.mounts.end(),
                                 [](const ResolvedMount& m) { return !m.subpath.empty(); });
  if (!parts) return;
  linux::unmount_below(directory(id) + "/parts");
  remove_tree(directory(id) + "/parts");
}

// A volume that another container has as well stays.
bool Engine::Impl::volume_in_use(const std::string& name, const std::string& but) const {
  for (const auto& other : all()) {
    if (other->id == but) continue;
    const Record record = other->snapshot();
    for (const ResolvedMount& mount : record.mounts) {
      if (mount.type == "volume" && mount.name == name) return true;
    }
  }
  return false;
}

void Engine::Impl::end_health_locked(Container& container) {
  container.health_stop.request();
  if (container.health.joinable()) container.health.join();
}

void Engine::Impl::handle_exit(const ContainerPtr& container, uint64_t start_number) {
  try {
    const std::lock_guard operation(container->operation);
    const Record record = container->snapshot();
    if (record.start_number != start_number || !is_up(record.info.state.status)) return;
    // No exit file: conmon itself was killed. The container is ended with it.
    const auto exit = read_exit(run_directory(container->id), container->id);
    finish_locked(container, exit ? exit->code : 255, exit ? exit->time : clock.now());
  } catch (const std::exception& e) {
    log::error("container", "note the end of {}: {}", container->id, e.what());
  }
}

void Engine::Impl::finish_locked(const ContainerPtr& container, int code, TimePoint time) {
  // The group knows even when conmon did not hear of it, or was killed.
  const bool oom = was_oom_killed(run_directory(container->id)) ||
                   cgroups.oom_kills(cgroup_of(container->snapshot())) > 0;
  end_health_locked(*container);
  bool restarting = false;
  container->update([&](Record& r) {
    State& state = r.info.state;
    if (state.started_at && time - *state.started_at >= kStableAfter) r.restart_attempts = 0;
    restarting = !tearing_down && wants_restart(r, code);
    state.status = restarting ? Status::restarting : Status::exited;
    state.pid = 0;
    state.exit_code = code;
    state.oom_killed = oom;
    state.finished_at = time;
    set_endpoints(r.info, {}, {});
    container->process = nullptr;
    ++container->exits;
  });
  // One that goes at once need not be written first: after a crash in between, its exit is noted
  // anew.
  if (restarting || !container->snapshot().info.spec.auto_remove) save(*container);
  const Record record = container->snapshot();
  if (oom) event(record, "oom");
  const auto ran = time - record.info.state.started_at.value_or(time);
  event(record, "die",
        {{"exitCode", std::to_string(code)},
         {"execDuration",
          std::to_string(std::max<int64_t>(0, std::chrono::duration_cast<seconds>(ran).count()))}});
  release_resources(record);
  if (restarting) {
    restart_later(container, record.restart_attempts);
  } else if (record.info.spec.auto_remove) {
    remove_ended_locked(container);
  }
}

// --rm: whoever waits for the removal must hear of one that fails too.
void Engine::Impl::remove_ended_locked(const ContainerPtr& container) {
  try {
    remove_locked(container, true);
  } catch (const std::exception& e) {
    log::error("container", "remove {}: {}", container->id, e.what());
    container->update([&](Record& r) {
      r.info.state.status = Status::dead;
      r.info.state.error = e.what();
    });
    save(*container);
  }
}

void Engine::Impl::restart_later(const ContainerPtr& container, int attempt) {
  const auto delay = std::min(kFirstDelay * (int64_t{1} << std::min(attempt, 16)), kLongestDelay);
  workers.post_at(std::chrono::steady_clock::now() + delay, [this, container] {
    const std::lock_guard operation(container->operation);
    if (container->snapshot().info.state.status != Status::restarting || tearing_down) return;
    container->update([](Record& r) {
      ++r.restart_attempts;
      ++r.info.state.restart_count;
    });
    try {
      start_locked(container);
    } catch (const std::exception& e) {
      log::warning("container", "restart {}: {}", container->id, e.what());
      bool again = false;
      container->update([&](Record& r) {
        again = wants_restart(r, r.info.state.exit_code);
        r.info.state.status = again ? Status::restarting : Status::exited;
      });
      if (again) restart_later(container, container->snapshot().restart_attempts);
    }
  });
}

void Engine::Impl::remove_locked(const ContainerPtr& container, bool with_volumes) {
  const Record record = container->snapshot();
  end_health_locked(*container);
  container->update([](Record& r) { r.info.state.status = Status::removing; });
  // A crash from here on: recover() finishes the removal.
  if (!record.info.spec.auto_remove) save(*container);
  release_resources(record);
  remove_tree(directory(container->id));
  if (!record.info.spec.upper_dir.empty()) remove_tree(record.info.spec.upper_dir + ".work");
  for (const ResolvedMount& mount : record.mounts) {
    if (!with_volumes || !mount.anonymous || volume_in_use(mount.name, container->id)) continue;
    attempt(container->id, "remove a volume", [&] { volumes.remove(mount.name); });
  }
  {
    // From here on no save can bring the record back.
    const std::lock_guard lock(container->mutex);
    container->removed = true;
  }
  store.write([&](store::Writer& db) { records.erase(db, container->id); });
  {
    const std::lock_guard lock(mutex);
    containers.erase(container->id);
    names.erase(record.info.spec.name);
    std::erase_if(execs, [&](const auto& entry) {
      const bool its = entry.second->info.container_id == container->id;
      if (its) drop_exec_files(entry.first);
      return its;
    });
  }
  event(record, "destroy");
  container->changed.notify();
}

void Engine::remove(const std::string& id, bool force, bool volumes) {
  const auto container = impl_->get(id);
  if (force) impl_->kill_and_wait(container);
  const std::lock_guard operation(container->operation);
  {
    const std::lock_guard lock(container->mutex);
    if (container->removed) {
      if (force) return;  // auto-remove was faster
      throw not_found("No such container: {}", id);
    }
  }
  const Info info = container->snapshot().info;
  const Status status = info.state.status;
  if (!force && (is_up(status) || status == Status::restarting))
    throw conflict(
        "cannot remove container \"{}\": container is {}: stop the container before removing or "
        "force remove",
        info.spec.name, to_string(status));
  impl_->remove_locked(container, volumes);
}

}  // namespace slipway::container
