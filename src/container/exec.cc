// Further processes in a running container: each has a conmon and a directory of its own under the
// run root. They are not in the store: a file in that directory remembers them over a restart of
// the daemon (exec_files.cc), nothing over one of the machine.
#include <fcntl.h>

#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "codec/json.h"
#include "container/impl.h"
#include "container/oci_spec.h"
#include "linux/caps.h"

namespace slipway::container {

ExecPtr Engine::Impl::get_exec(const std::string& id) const {
  const std::shared_lock lock(mutex);
  const auto found = execs.find(id);
  if (found == execs.end()) throw not_found("No such exec instance: {}", id);
  return found->second;
}

// Ended ones are kept for who asks for their exit code, but not without bound. Impl::mutex is held.
void Engine::Impl::forget_old_execs() {
  constexpr size_t kKept = 256;
  constexpr auto kAge = std::chrono::minutes(5);
  if (execs.size() <= kKept) return;
  const TimePoint now = clock.now();
  std::erase_if(execs, [&](const auto& entry) {
    const std::lock_guard lock(entry.second->mutex);
    const bool old = entry.second->info.exit_code && now - entry.second->ended > kAge;
    if (old) drop_exec_files(entry.first);
    return old;
  });
}

static void check_running(const Record& record) {
  const Status status = record.info.state.status;
  if (status == Status::paused)
    throw conflict("Container {} is paused, unpause the container before exec", record.info.id);
  if (status == Status::restarting)
    throw conflict("Container {} is restarting, wait until the container is running",
                   record.info.id);
  if (status != Status::running) throw conflict("container {} is not running", record.info.id);
}

std::string Engine::exec_create(const std::string& name, const ExecSpec& spec) {
  const auto container = impl_->get(name);
  const Record record = container->snapshot();
  check_running(record);
  if (spec.cmd.empty() || spec.cmd[0].empty()) throw invalid_argument("No exec command specified");
  const auto exec = std::make_shared<Exec>();
  exec->info.id = random_hex(64);
  exec->info.container_id = container->id;
  exec->info.spec = spec;
  exec->kept = true;
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->forget_old_execs();
    impl_->execs[exec->info.id] = exec;
  }
  impl_->event(record, "exec_create: " + join(spec.cmd, " "), {{"execID", exec->info.id}});
  return exec->info.id;
}

// Notes the end of an exec whose conmon has gone. Called once.
void Engine::Impl::finish_exec(const ContainerPtr& container, const ExecPtr& exec) {
  const std::string folder = exec_directory(exec->info.id);
  int code = 255;
  try {
    if (const auto exit = read_exit(folder, container->id)) code = exit->code;
  } catch (const std::exception& e) {
    log::warning("container", "end of exec {}: {}", exec->info.id, e.what());
  }
  const Record record = container->snapshot();
  {
    // Told before anybody can see it: what a client does next comes behind it.
    const std::lock_guard lock(exec->mutex);
    exec->info.running = false;
    exec->info.exit_code = code;
    exec->info.pid = 0;
    exec->ended = clock.now();
    event(record, "exec_die", {{"execID", exec->info.id}, {"exitCode", std::to_string(code)}});
  }
  try {
    keep_exec(*exec);
  } catch (const std::exception& e) {
    log::warning("container", "keep exec {}: {}", exec->info.id, e.what());
  }
  exec->changed.notify();
}

// Whether HOME was chosen by the user or the image, so that it stays whoever the exec runs as.
static bool sets_home(const Engine::Impl& engine, const Record& record) {
  const auto sets = [](const std::vector<std::string>& env) {
    return std::any_of(env.begin(), env.end(),
                       [](const std::string& entry) { return entry.starts_with("HOME="); });
  };
  return sets(record.info.spec.env) || sets(engine.image_config(record.info.spec).env);
}

// Writes the process specification; its path.
static std::string write_process(Engine::Impl& engine, const Container& container,
                                 const ExecSpec& spec, const std::string& folder) {
  const Json config =
      parse_json(read_file(engine.run_directory(container.id) + "/config.json"), "container spec");
  const Json& base = config.at("process");
  Identity identity;
  if (spec.user.empty()) {
    identity.uid = base.at("user").at("uid").get<uint32_t>();
    identity.gid = base.at("user").at("gid").get<uint32_t>();
    identity.additional_gids = base.at("user").value("additionalGids", std::vector<uint32_t>());
  } else {
    identity = resolve_user_in(engine.directory(container.id) + "/merged", spec.user);
  }
  const std::string path = folder + "/process.json";
  const bool own_home = !spec.user.empty() && !sets_home(engine, container.snapshot());
  write_file(
      path,
      build_exec_process(base, spec, identity, linux::bounding_capabilities(), own_home).dump(),
      0600);
  return path;
}

// Starts the process; the attach socket unless detached.
Fd Engine::Impl::launch_exec(const ContainerPtr& container, const ExecPtr& exec, bool detach) {
  const ExecSpec& spec = exec->info.spec;
  const std::string folder = exec_directory(exec->info.id);
  Finally cleanup([&] {
    try {
      remove_tree(folder);
    } catch (const std::exception& e) {
      log::warning("container", "remove {}: {}", folder, e.what());
    }
  });
  make_directories(folder, 0700);
  ConmonOptions options;
  options.container_id = container->id;
  options.unique_id = exec->info.id;
  options.name = exec->info.id.substr(0, 12);
  options.directory = folder;
  options.runtime = runtime.program_of(container->id);
  options.runtime_root = runtime.state_root();
  options.tty = spec.tty;
  options.stdin_open = spec.attach_stdin;
  options.exec_process = write_process(*this, *container, spec, folder);
  Fd socket;
  if (!detach) options.on_attachable = [&] { socket = connect_attach(folder); };
  const ConmonStarted started = start_conmon(options);
  if (started.pid == 0)
    throw invalid_argument("{}", describe_exec_error(started.error, spec.cmd[0]));
  cleanup.dismiss();  // finish_exec removes it
  {
    const std::lock_guard lock(exec->mutex);
    exec->info.pid = started.pid;
  }
  keep_exec(*exec);
  return socket;
}

void Engine::Impl::run_exec(const ContainerPtr& container, const ExecPtr& exec,
                            const Streams& streams, bool detach, const Stop& stop_exec) {
  const ExecSpec& spec = exec->info.spec;
  const Fd socket = launch_exec(container, exec, detach);
  event(container->snapshot(), "exec_start: " + join(spec.cmd, " "), {{"execID", exec->info.id}});
  if (auto conmon = find_conmon(exec_directory(exec->info.id), container->id)) {
    monitor.watch(std::move(conmon->pidfd), [this, container, exec] {
      workers.post([this, container, exec] { finish_exec(container, exec); });
    });
  } else {
    finish_exec(container, exec);
  }
  if (detach) return;
  const auto subscription = exec->changed.subscribe();
  if (pump_attach(socket, streams, spec.attach_stdin, stop_exec))
    return event(container->snapshot(), "exec_detach", {{"execID", exec->info.id}});
  do {
    const std::lock_guard lock(exec->mutex);
    if (!exec->info.running) return;
  } while (subscription.wait(stop_exec));
}

void Engine::exec_start(const std::string& exec_id, const Streams& streams, bool detach,
                        const Stop& stop) {
  const auto exec = impl_->get_exec(exec_id);
  const auto container = impl_->get(exec->info.container_id);
  check_running(container->snapshot());
  {
    const std::lock_guard lock(exec->mutex);
    if (std::exchange(exec->started, true))
      throw conflict("exec instance {} has been started already", exec_id);
    exec->info.running = true;
  }
  try {
    impl_->run_exec(container, exec, streams, detach, stop);
  } catch (const std::exception& e) {
    {
      const std::lock_guard lock(exec->mutex);
      // Failures after the start are of the streams, not of the process.
      if (exec->info.pid == 0 && exec->info.running) {
        const int code = exit_code_of_start_error(e.what());
        exec->info.running = false;
        exec->info.exit_code = code == 128 ? 126 : code;
      }
    }
    exec->changed.notify();
    throw;
  }
}

ExecInfo Engine::exec_inspect(const std::string& exec_id) const {
  const auto exec = impl_->get_exec(exec_id);
  const std::lock_guard lock(exec->mutex);
  return exec->info;
}

std::vector<std::string> Engine::execs_of(const std::string& id) const {
  std::vector<std::string> out;
  const std::shared_lock lock(impl_->mutex);
  for (const auto& [exec_id, exec] : impl_->execs) {
    if (exec->info.container_id != id) continue;  // never changes
    const std::lock_guard exec_lock(exec->mutex);
    if (!exec->info.exit_code) out.push_back(exec_id);
  }
  return out;
}

void Engine::exec_resize(const std::string& exec_id, int height, int width) {
  const auto exec = impl_->get_exec(exec_id);
  resize_terminal(impl_->exec_directory(exec_id), height, width);
}

}  // namespace slipway::container
