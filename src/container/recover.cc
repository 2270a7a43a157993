// After a start of the daemon: what runs is found again, what ended meanwhile is noted, what is
// nobody's is swept. And the opposite, tear_down.
#include <csignal>
#include <filesystem>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/host_check.h"
#include "container/impl.h"
#include "linux/mounts.h"
#include "linux/process.h"

namespace slipway::container {
namespace {

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    out.push_back(entry.path().filename());
  return out;
}

// Policies that bring a container back when the daemon (or the machine) starts.
bool starts_with_daemon(const Record& record) {
  const std::string& policy = record.info.spec.restart_policy;
  if (record.start_number == 0) return false;
  return policy == "always" || (policy == "unless-stopped" && !record.manually_stopped);
}

// Processes of conmon and the runtime that work for a container which is not to be kept: of a start
// that was cut short so early that it had left no file yet. Both have our runtime root among their
// arguments. Returns the containers' ids.
std::set<std::string> end_strays(const std::string& runtime_root,
                                 const std::set<std::string>& keep) {
  std::set<std::string> ids;
  for (const std::string& name : names_in("/proc")) {
    const auto pid = parse_int(name);
    if (!pid) continue;
    const Fd process = linux::open_pidfd(static_cast<int>(*pid));
    std::string cmdline;
    try {
      cmdline = read_file_if_exists("/proc/" + name + "/cmdline").value_or("");
    } catch (const SystemError&) {
      continue;  // it ended while we looked
    }
    const auto words = split(cmdline, '\0');
    if (!process || std::find(words.begin(), words.end(), runtime_root) == words.end()) continue;
    const auto id = std::find_if(words.begin(), words.end(), [](const std::string& word) {
      return word.size() == 64 && only_alnum_and(word, "");
    });
    if (id == words.end() || keep.contains(*id)) continue;
    linux::signal_pidfd(process.get(), SIGKILL);
    ids.insert(*id);
  }
  return ids;
}

}  // namespace

void Engine::Impl::adopt(const ContainerPtr& container, ConmonHandle conmon, int pid) {
  const Record record = container->snapshot();
  {
    const std::lock_guard lock(container->mutex);
    container->record.info.state.pid = pid;
    container->process = std::make_shared<const Fd>(linux::open_pidfd(pid));
  }
  adopt_networks(record);
  rotator.watch(record.info.id, record.info.log_path, log_limits(record.info.spec));
  watch_health(container);
  const uint64_t number = record.start_number;
  monitor.watch(std::move(conmon.pidfd), [this, container, number] {
    workers.post([this, container, number] { handle_exit(container, number); });
  });
}

void Engine::Impl::recover_one(const ContainerPtr& container, std::set<std::string>& keep) {
  const std::lock_guard operation(container->operation);
  const Record record = container->snapshot();
  const std::string run = run_directory(container->id);
  if (record.info.state.status == Status::removing) {
    remove_locked(container, record.info.spec.auto_remove);
    return;
  }
  auto conmon = find_conmon(run, container->id);
  if (is_up(record.info.state.status)) {
    const int pid = conmon ? find_container_process(run, conmon->pid) : 0;
    if (pid != 0) {
      keep.insert(container->id);
      adopt(container, std::move(*conmon), pid);
      return;
    }
    // conmon may be just writing its exit file.
    if (conmon)
      wait_readable(conmon->pidfd.get(), stop, std::chrono::steady_clock::now() + seconds(5));
    const auto exit = read_exit(run, container->id);
    finish_locked(container, exit ? exit->code : 255, exit ? exit->time : clock.now());
    return;
  }
  // A start that was cut short: its caller never got an answer, so it did not happen.
  if (conmon || exists(run)) release_resources(record);
  if (record.info.state.status == Status::restarting) {
    restart_later(container, record.restart_attempts);
  } else if (record.info.state.status == Status::exited && starts_with_daemon(record)) {
    container->update([](Record& r) { r.info.state.status = Status::restarting; });
    restart_later(container, 0);
  }
}

// Run directories and root file systems of containers that are in no record.
void Engine::Impl::sweep() {
  const auto known = [&](const std::string& id) {
    const std::shared_lock lock(mutex);
    return containers.contains(id);
  };
  const auto ours = [](const std::string& id) { return id.size() == 64 && only_alnum_and(id, ""); };
  for (const std::string& id : names_in(options.run_root + "/c")) {
    if (!ours(id) || known(id)) continue;
    Record record;
    record.info.id = id;
    release_resources(record);
  }
  for (const std::string& id : names_in(options.root)) {
    if (!ours(id) || known(id)) continue;
    linux::unmount_below(directory(id));
    remove_tree(directory(id));
  }
  for (const std::string& id : names_in(options.run_root + "/e")) {
    const std::string folder = exec_directory(id);
    {
      const std::shared_lock lock(mutex);
      if (execs.contains(id)) continue;
    }
    const auto pid = read_file_if_exists(folder + "/conmon.pid");
    const auto number = pid ? parse_int(trim(*pid)) : std::nullopt;
    if (!number || !linux::process_start_time(static_cast<int>(*number))) remove_tree(folder);
  }
}

void Engine::recover() {
  try {
    impl_->cgroups.open_top("slipway");
  } catch (const Error& e) {
    log::warning("container", "limits of containers may not be in force: {}", e.what());
  }
  std::set<std::string> up, keep;
  for (const auto& container : impl_->all()) {
    if (is_up(container->snapshot().info.state.status)) up.insert(container->id);
  }
  for (const std::string& id : end_strays(impl_->options.run_root + "/rt", up)) {
    Record record;
    record.info.id = id;
    if (const auto known = impl_->find(id)) record = known->snapshot();
    impl_->release_resources(record);
  }
  impl_->adopt_volumes();
  for (const auto& container : impl_->all()) {
    try {
      impl_->recover_one(container, keep);
    } catch (const std::exception& e) {
      log::error("container", "recover {}: {}", container->id, e.what());
    }
  }
  impl_->network.restore(keep);
  impl_->networks.restore();
  impl_->recover_execs();
  impl_->volumes.settle();
  impl_->sweep();
}

void Engine::tear_down() {
  impl_->tearing_down = true;
  {
    std::vector<std::jthread> stops;
    for (const auto& container : impl_->all()) {
      const Record record = container->snapshot();
      if (!is_up(record.info.state.status)) continue;
      stops.emplace_back([this, id = container->id, manual = record.manually_stopped] {
        try {
          stop(id, std::nullopt);
          // Not the user's wish: `unless-stopped` brings it back with the next start.
          if (const auto c = impl_->find(id)) {
            c->update([&](Record& r) { r.manually_stopped = manual; });
            impl_->save(*c);
          }
        } catch (const std::exception& e) {
          log::warning("container", "stop {}: {}", id, e.what());
        }
      });
    }
  }
  for (const auto& container : impl_->all()) {
    const std::lock_guard operation(container->operation);
    impl_->release_resources(container->snapshot());
  }
  impl_->network.tear_down();
  if (impl_->cgroups.remove("slipway")) impl_->cgroups.give_back_top();
  linux::unmount_below(impl_->options.root);
  for (const char* folder : {"/c", "/e", "/rt", "/netns"})
    remove_tree(impl_->options.run_root + folder);
}

}  // namespace slipway::container
