// slipway down: everything that runs is stopped and removed, also when the daemon itself has died.
#include "base/error.h"
#include "base/files.h"
#include "base/stop.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "codec/json.h"
#include "daemon/daemon.h"
#include "linux/process.h"

namespace slipway::cli {

namespace {

void ask_daemon(const daemon::Instance& instance) {
  const Fd handle = linux::open_pidfd(instance.pid);
  call(instance, "POST", "/down", milliseconds(300'000));
  const auto deadline = std::chrono::steady_clock::now() + seconds(120);
  if (handle && wait_readable(handle.get(), {}, deadline) != Ready::yes) {
    throw timeout("the daemon (pid {}) has stopped everything but does not end", instance.pid);
  }
}

}  // namespace

int down(const DownCommand& command) {
  daemon::check_machine();
  const auto instance = daemon::read_instance(command.options.run_dir);
  daemon::Options options = instance ? instance->options : command.options;
  if (instance && instance->alive()) {
    ask_daemon(*instance);
  } else if (exists(options.data_dir + "/slipway.db")) {
    daemon::tear_down(options);
  } else {
    fmt::print("Slipway is not running.\n");
    return 0;
  }
  remove_tree(options.run_dir);
  if (command.delete_data) remove_tree(options.data_dir);
  fmt::print("Slipway is down.{}\n", command.delete_data
                                         ? " Its data is deleted."
                                         : fmt::format(" Its data stays in {}.", options.data_dir));
  return 0;
}

}  // namespace slipway::cli
