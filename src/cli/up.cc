// slipway up: in the foreground, or (--detach) as a process of its own that this one waits for.
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <thread>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "daemon/daemon.h"
#include "linux/process.h"

namespace slipway::cli {

namespace {

void print_banner(const daemon::Instance& instance) {
  const auto& o = instance.options;
  fmt::print(
      "Slipway {} is up.\n"
      "  AWS APIs and registry  {}   (account {}, {})\n"
      "  Docker Engine API      unix://{}\n"
      "  Data                   {}\n"
      "\n"
      "In another shell:\n"
      "  eval \"$(slipway env)\"      the exports for docker, aws, boto3, Terraform\n"
      "  slipway aws sts get-caller-identity\n"
      "  slipway status             what runs\n"
      "  slipway down               stop everything (the data stays)\n",
      instance.version, instance.endpoint, o.account, o.region, o.docker_socket(), o.data_dir);
  std::fflush(stdout);
}

// Turns SIGINT into `down` and SIGTERM into leaving everything running, without handlers.
class Signals {
 public:
  Signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    check(::sigprocmask(SIG_BLOCK, &set, nullptr), "block signals");
    fd_ = Fd(check(::signalfd(-1, &set, SFD_CLOEXEC), "signalfd"));
    ::signal(SIGPIPE, SIG_IGN);
  }
  // 0 when stop came first.
  int wait(const Stop& stop) const {
    if (wait_readable(fd_.get(), stop) != Ready::yes) return 0;
    signalfd_siginfo info{};
    check(::read(fd_.get(), &info, sizeof info), "read a signal");
    return static_cast<int>(info.ssi_signo);
  }

 private:
  Fd fd_;
};

int run_here(const UpCommand& command) {
  const Signals signals;  // before any thread starts, so that all inherit the mask
  log::set_up(command.options.debug ? log::Level::debug : log::Level::info,
              command.options.log_file);
  const Stop stop;
  const Stop over;
  int signal = 0;
  std::jthread watcher([&] {
    signal = signals.wait(over);
    stop.request();
  });
  const Finally end([&] { over.request(); });
  const auto ending = daemon::run(command.options, stop, [&](const daemon::Instance& instance) {
    if (command.options.log_file.empty()) print_banner(instance);
  });
  over.request();
  watcher.join();
  if (ending == daemon::Ending::leave && signal == SIGINT) {
    fmt::print("stopping everything...\n");
    daemon::tear_down(command.options);
  }
  return 0;
}

// What the daemon wrote last; its own name in front is left out, ours comes there.
std::string last_lines(const std::string& text, size_t count) {
  auto lines = split(trim(text), '\n');
  if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<long>(count));
  const std::string out = join(lines, "\n");
  return out.starts_with("slipway: ") ? out.substr(9) : out;
}

std::vector<std::string> arguments_of(const daemon::Options& o) {
  std::vector<std::string> out = {"up",
                                  "--data-dir",
                                  o.data_dir,
                                  "--run-dir",
                                  o.run_dir,
                                  "--listen",
                                  o.listen,
                                  "--port",
                                  std::to_string(o.port),
                                  "--account",
                                  o.account,
                                  "--region",
                                  o.region,
                                  "--log-file",
                                  o.log_file,
                                  "--build-cache",
                                  std::to_string(o.build_cache_bytes)};
  if (o.debug) out.push_back("--debug");
  for (const auto& mirror : o.registry_mirrors)
    out.insert(out.end(), {"--registry-mirror", mirror});
  for (const auto& registry : o.insecure_registries)
    out.insert(out.end(), {"--insecure-registry", registry});
  return out;
}

int run_detached(const UpCommand& command, const std::string& program) {
  daemon::Options options = command.options;
  make_directories(options.data_dir, 0700);
  if (options.log_file.empty()) options.log_file = options.data_dir + "/slipway.log";
  const std::string start_log = options.data_dir + "/start.log";
  write_file(start_log, "");
  const Fd errors = open_file(start_log, O_WRONLY | O_APPEND);
  linux::SpawnOptions spawn;
  spawn.argv = arguments_of(options);
  spawn.argv.insert(spawn.argv.begin(), program);
  spawn.fds = {{1, errors.get()}, {2, errors.get()}};
  spawn.new_session = true;
  auto child = linux::Process::spawn(spawn);
  const auto deadline = std::chrono::steady_clock::now() + seconds(60);
  while (std::chrono::steady_clock::now() < deadline) {
    if (child.wait({}, std::chrono::steady_clock::now() + milliseconds(5))) {
      throw Error(Kind::unavailable, last_lines(read_file(start_log), 5));
    }
    const auto instance = daemon::read_instance(options.run_dir);
    if (instance && instance->pid == child.pid()) {
      child.let_go();
      print_banner(*instance);
      return 0;
    }
  }
  child.let_go();
  throw timeout("the daemon did not get ready within 60 s; see {}", options.log_file);
}

}  // namespace

int up(const UpCommand& command, const std::string& program) {
  daemon::check_machine();
  if (const auto other = daemon::read_instance(command.options.run_dir); other && other->alive()) {
    throw conflict("Slipway is already up (pid {}, {}). See: slipway status", other->pid,
                   other->endpoint);
  }
  return command.detach ? run_detached(command, program) : run_here(command);
}

}  // namespace slipway::cli
