#include "container/conmon.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "codec/json.h"
#include "linux/process.h"

namespace slipway::container {
namespace {

constexpr const char* kProgram = "/usr/bin/conmon";
// The child's numbers of the pipes that conmon is told of by environment variables.
constexpr int kSyncFd = 3, kStartFd = 4, kAttachFd = 5;

std::vector<std::string> arguments(const ConmonOptions& o) {
  std::vector<std::string> argv = {kProgram,
                                   "--api-version",
                                   "1",
                                   "-c",
                                   o.container_id,
                                   "-u",
                                   o.unique_id,
                                   "-n",
                                   o.name,
                                   "-r",
                                   o.runtime,
                                   "--runtime-arg",
                                   "--root",
                                   "--runtime-arg",
                                   o.runtime_root,
                                   "-b",
                                   o.directory,
                                   "-p",
                                   o.directory + "/pid",
                                   "-P",
                                   o.directory + "/conmon.pid",
                                   "--exit-dir",
                                   o.directory + "/exit",
                                   "-l",
                                   o.log_path.empty() ? "none" : "k8s-file:" + o.log_path,
                                   "--full-attach",
                                   "--no-sync-log"};
  if (o.log_max_size > 0) argv.push_back(fmt::format("--log-size-max={}", o.log_max_size));
  if (o.tty) argv.emplace_back("-t");
  if (o.stdin_open) argv.emplace_back("-i");
  if (o.leave_stdin_open) argv.emplace_back("--leave-stdin-open");
  if (!o.exec_process.empty()) {
    for (std::string word : {"-e", "--exec-attach", "--exec-process-spec"}) argv.push_back(word);
    argv.push_back(o.exec_process);
  }
  return argv;
}

// One JSON line. Empty when conmon closed the pipe without a word.
std::string read_line(int fd, std::string& buffered) {
  for (;;) {
    if (const size_t end = buffered.find('\n'); end != std::string::npos) {
      std::string line = buffered.substr(0, end);
      buffered.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> chunk;
    const auto deadline = std::chrono::steady_clock::now() + seconds(120);
    if (wait_readable(fd, Stop(), deadline) != Ready::yes)
      throw unavailable("conmon did not answer within two minutes");
    const size_t got = read_some(fd, chunk);
    if (got == 0) return std::exchange(buffered, {});
    buffered.append(chunk.data(), got);
    if (buffered.size() > (1u << 20)) throw unavailable("conmon sent more than 1 MiB");
  }
}

std::optional<int> read_pid(const std::string& path) {
  const auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  const auto pid = parse_int(trim(*text));
  if (!pid || *pid <= 1 || *pid > INT32_MAX) return std::nullopt;
  return static_cast<int>(*pid);
}

std::optional<int> parent_of(int pid) {
  const auto text = read_file_if_exists(fmt::format("/proc/{}/stat", pid));
  if (!text) return std::nullopt;
  const size_t end = text->rfind(')');
  if (end == std::string::npos) return std::nullopt;
  const auto fields = split(trim(std::string_view(*text).substr(end + 1)), ' ');
  if (fields.size() < 2) return std::nullopt;
  const auto parent = parse_int(fields[1]);
  return parent ? std::optional<int>(static_cast<int>(*parent)) : std::nullopt;
}

ConmonStarted read_started(int fd, std::string& buffered) {
  const std::string line = read_line(fd, buffered);
  if (line.empty()) throw unavailable("conmon ended before the container was made");
  const Json answer = parse_json(line, "conmon's answer");
  const int data = answer.value("data", -1);
  if (data > 0) return {data, {}};
  return {0, answer.value("message", fmt::format("the runtime failed with code {}", -data))};
}

}  // namespace

ConmonStarted start_conmon(const ConmonOptions& options) {
  if (!exists(kProgram)) throw unavailable("{} is missing: install conmon", kProgram);
  make_directories(options.directory + "/exit", 0700);
  Pipe sync = make_pipe(), start = make_pipe(), attach = make_pipe();
  linux::SpawnOptions spawn;
  spawn.argv = arguments(options);
  spawn.env = std::vector<std::string>{
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      fmt::format("_OCI_SYNCPIPE={}", kSyncFd), fmt::format("_OCI_STARTPIPE={}", kStartFd)};
  spawn.fds = {{kSyncFd, sync.write.get()}, {kStartFd, start.read.get()}};
  const bool exec = !options.exec_process.empty();
  if (exec) {
    spawn.env->push_back(fmt::format("_OCI_ATTACHPIPE={}", kAttachFd));
    spawn.fds[kAttachFd] = attach.write.get();
  }
  spawn.cwd = options.directory;  // where conmon leaves its mark of an out-of-memory kill
  spawn.new_session = true;
  linux::Process process = linux::Process::spawn(spawn);
  sync.write.reset();
  start.read.reset();
  attach.write.reset();

  write_all(start.write.get(), "0");
  const auto deadline = std::chrono::steady_clock::now() + seconds(60);
  const auto status = process.wait(Stop(), deadline);
  if (!status || !status->ok())
    throw unavailable("conmon failed: {}", status ? status->describe() : "it did not go on");
  std::string buffered, attach_buffered;
  if (exec) {
    // The exec waits for a second word, so that no output is lost before somebody listens.
    if (read_line(attach.read.get(), attach_buffered).empty())
      throw unavailable("conmon ended before it could be attached to");
    if (options.on_attachable) options.on_attachable();
    write_all(start.write.get(), "0");
  }
  start.write.reset();
  return read_started(sync.read.get(), buffered);
}

std::optional<ConmonHandle> find_conmon(const std::string& directory,
                                        const std::string& container_id) {
  const auto pid = read_pid(directory + "/conmon.pid");
  if (!pid) return std::nullopt;
  ConmonHandle handle{*pid, linux::open_pidfd(*pid)};
  if (!handle.pidfd) return std::nullopt;
  // The descriptor is held before the look at who it is: the answer cannot go stale.
  const auto cmdline = read_file_if_exists(fmt::format("/proc/{}/cmdline", *pid));
  if (!cmdline || cmdline->find("conmon") == std::string::npos ||
      cmdline->find(std::string("-c") + '\0' + container_id) == std::string::npos)
    return std::nullopt;
  return handle;
}

int find_container_process(const std::string& directory, int conmon_pid) {
  const auto pid = read_pid(directory + "/pid");
  if (!pid || parent_of(*pid) != conmon_pid) return 0;
  return *pid;
}

std::optional<ExitRecord> read_exit(const std::string& directory, const std::string& container_id) {
  const std::string path = directory + "/exit/" + container_id;
  const auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  const auto code = parse_int(trim(*text));
  if (!code) return std::nullopt;
  struct stat info {};
  check(::stat(path.c_str(), &info), "stat {}", path);
  const auto since_epoch = seconds(info.st_mtim.tv_sec) + microseconds(info.st_mtim.tv_nsec / 1000);
  return ExitRecord{static_cast<int>(*code), TimePoint(since_epoch)};
}

bool was_oom_killed(const std::string& directory) {
  return exists(directory + "/oom");
}

void resize_terminal(const std::string& directory, int height, int width) {
  const std::string path = directory + "/ctl";
  const Fd fifo(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fifo) throw not_found("cannot resize: the process has no terminal (any more)");
  write_all(fifo.get(), fmt::format("1 {} {}\n", height, width));
}

}  // namespace slipway::container
