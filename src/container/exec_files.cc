// What a directory of an exec remembers of it, so that its exit code can be asked for after a
// restart of the daemon.
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "codec/json.h"
#include "container/impl.h"

namespace slipway::container {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(ExecSpec, cmd, env, user, working_dir, tty,
                                                attach_stdin, attach_stdout, attach_stderr,
                                                privileged, detach_keys)

namespace {

std::shared_ptr<Exec> read_exec(const std::string& folder, const std::string& id) {
  const auto text = read_file_if_exists(folder + "/exec.json");
  if (!text) return nullptr;
  const Json json = parse_json(*text, "exec.json");
  auto exec = std::make_shared<Exec>();
  exec->info.id = id;
  exec->info.container_id = json.value("container", "");
  exec->info.spec = json.value("spec", ExecSpec());
  exec->info.exit_code = json.value("exit_code", std::optional<int>());
  exec->info.pid = json.value("pid", 0);
  exec->info.running = !exec->info.exit_code;
  exec->kept = exec->started = true;
  return exec;
}

}  // namespace

void Engine::Impl::drop_exec_files(const std::string& id) const {
  try {
    remove_tree(exec_directory(id));
  } catch (const std::exception& e) {
    log::warning("container", "remove what was kept of exec {}: {}", id, e.what());
  }
}

void Engine::Impl::keep_exec(Exec& exec) const {
  const std::string folder = exec_directory(exec.info.id);
  ExecInfo info;
  {
    const std::lock_guard lock(exec.mutex);
    info = exec.info;
  }
  // Of an ended one nothing but this file is left.
  if (info.exit_code) remove_tree(folder);
  if (!exec.kept) return;
  make_directories(folder, 0700);
  const Json json = {{"container", info.container_id},
                     {"spec", info.spec},
                     {"exit_code", info.exit_code},
                     {"pid", info.pid}};
  write_file(folder + "/exec.json", json.dump(), 0600);
}

void Engine::Impl::recover_execs() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options.run_root + "/e", error)) {
    const std::string id = entry.path().filename(), folder = entry.path();
    try {
      const ExecPtr exec = read_exec(folder, id);
      const auto container = exec ? find(exec->info.container_id) : nullptr;
      if (!container) continue;  // sweep() removes it
      {
        const std::lock_guard lock(mutex);
        execs[id] = exec;
      }
      exec->ended = clock.now();
      if (exec->info.exit_code) continue;
      auto conmon = find_conmon(folder, container->id);
      if (!conmon) {
        finish_exec(container, exec);
        continue;
      }
      monitor.watch(std::move(conmon->pidfd), [this, container, exec] {
        workers.post([this, container, exec] { finish_exec(container, exec); });
      });
    } catch (const std::exception& e) {
      log::warning("container", "recover exec {}: {}", id, e.what());
    }
  }
}

}  // namespace slipway::container
