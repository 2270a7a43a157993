// posix_spawn with a descriptor map, and pidfd waiting.
#include "linux/process.h"

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"

extern char** environ;

namespace slipway::linux {
namespace {

// Owns the two attribute objects of posix_spawn.
struct SpawnSetup {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnSetup() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (const auto& text : strings) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// Sources are first moved above every target, so that no dup2 overwrites a source still needed.
std::vector<Fd> map_descriptors(SpawnSetup& setup, const std::map<int, int>& fds) {
  const int highest = fds.empty() ? 2 : std::max(2, fds.rbegin()->first);
  std::vector<Fd> sources;
  for (int target = 0; target <= 2; ++target) {
    if (fds.contains(target)) continue;
    posix_spawn_file_actions_addopen(&setup.actions, target, "/dev/null",
                                     target == 0 ? O_RDONLY : O_WRONLY, 0);
  }
  for (const auto& [target, source] : fds) {
    sources.emplace_back(
        check(::fcntl(source, F_DUPFD_CLOEXEC, highest + 1), "dup {} for a child", source));
    posix_spawn_file_actions_adddup2(&setup.actions, sources.back().get(), target);
  }
  posix_spawn_file_actions_addclosefrom_np(&setup.actions, highest + 1);
  return sources;
}

// Signals as a fresh program expects them: ours (a blocked SIGTERM, an ignored SIGPIPE) are not
// inherited.
void reset_signals(SpawnSetup& setup, bool new_session) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&setup.attributes, &all);
  posix_spawnattr_setsigmask(&setup.attributes, &none);
  int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  if (new_session) flags |= POSIX_SPAWN_SETSID;
  posix_spawnattr_setflags(&setup.attributes, static_cast<short>(flags));
}

ExitStatus decode(const siginfo_t& info) {
  ExitStatus status;
  if (info.si_code == CLD_EXITED) {
    status.code = info.si_status;
  } else {
    status.signal = info.si_status;
  }
  return status;
}

}  // namespace

std::string ExitStatus::describe() const {
  if (signal != 0) return fmt::format("signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exit code {}", code);
}

Process Process::spawn(const SpawnOptions& options) {
  if (options.argv.empty()) throw invalid_argument("start a program: no arguments given");
  SpawnSetup setup;
  const auto sources = map_descriptors(setup, options.fds);
  if (!options.cwd.empty())
    posix_spawn_file_actions_addchdir_np(&setup.actions, options.cwd.c_str());
  reset_signals(setup, options.new_session);
  auto argv = pointers(options.argv);
  std::vector<char*> env;
  if (options.env) env = pointers(*options.env);
  pid_t pid = 0;
  const int rc = ::posix_spawnp(&pid, argv[0], &setup.actions, &setup.attributes, argv.data(),
                                options.env ? env.data() : environ);
  if (rc != 0) throw SystemError(rc, fmt::format("start {}", options.argv[0]));
  Process made;
  made.pid_ = pid;
  made.pidfd_ = Fd(check(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), "pidfd of {}", pid));
  return made;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      pidfd_(std::move(other.pidfd_)),
      status_(std::exchange(other.status_, {})) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(status_, other.status_);
  return *this;
}

Process::~Process() {
  if (!pidfd_ || status_) return;
  kill(SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) == -1 &&
         errno == EINTR) {
  }
}

std::optional<ExitStatus> Process::wait(const Stop& stop, SteadyTime deadline) {
  if (status_) return status_;
  if (!pidfd_) throw internal("wait for a process that was never started");
  if (wait_readable(pidfd_.get(), stop, deadline) != Ready::yes) return std::nullopt;
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) == -1) {
    if (errno != EINTR) throw SystemError(errno, fmt::format("wait for process {}", pid_));
  }
  status_ = decode(info);
  return status_;
}

void Process::kill(int signal) const {
  if (pidfd_ && !status_) signal_pidfd(pidfd_.get(), signal);
}

void Process::let_go() {
  pidfd_.reset();
}

std::optional<uint64_t> process_start_time(int pid) {
  std::optional<std::string> text;
  try {
    text = read_file_if_exists(fmt::format("/proc/{}/stat", pid));
  } catch (const Error&) {
    return std::nullopt;  // ESRCH: it ended between open and read
  }
  if (!text) return std::nullopt;
  // The name (field 2) may hold spaces and parentheses: count from the last ')'.
  const auto end = text->rfind(')');
  if (end == std::string::npos || end + 2 >= text->size()) return std::nullopt;
  const auto fields = split(std::string_view(*text).substr(end + 2), ' ');
  return fields.size() > 19 ? parse_uint(fields[19]) : std::nullopt;  // field 22
}

bool process_alive(int pid, uint64_t start_time) {
  if (pid <= 0 || process_start_time(pid) != start_time) return false;
  try {
    const auto text = read_file_if_exists(fmt::format("/proc/{}/stat", pid));
    if (!text) return false;
    const auto end = text->rfind(')');
    if (end == std::string::npos || end + 2 >= text->size()) return false;
    const char state = (*text)[end + 2];
    return state != 'Z' && state != 'X';
  } catch (const Error&) {
    return false;
  }
}

Fd open_pidfd(int pid) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd == -1 && errno != ESRCH && errno != EINVAL)
    throw SystemError(errno, fmt::format("pidfd of {}", pid));
  return Fd(fd);
}

bool signal_pidfd(int pidfd, int signal) {
  const auto rc = ::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
  if (rc == -1 && errno == ESRCH) return false;
  check(rc, "send signal {}", signal);
  return true;
}

}  // namespace slipway::linux
