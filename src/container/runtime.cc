#include "container/runtime.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "codec/json.h"
#include "linux/process.h"

namespace slipway::container {
namespace {

constexpr std::array kPrograms = {"/usr/bin/crun", "/usr/local/bin/crun", "/usr/sbin/runc",
                                  "/usr/bin/runc", "/usr/local/bin/runc"};

SteadyTime in_seconds(int n) {
  return std::chrono::steady_clock::now() + seconds(n);
}

// runc logs `time="..." level=error msg="..."`: the unescaped msg of the last such line.
std::string unwrap_log(std::string_view text) {
  const size_t begin = text.rfind("msg=\"");
  if (begin == std::string_view::npos) return std::string(trim(text));
  std::string out;
  for (size_t i = begin + 5; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

// A container that cannot succeed: its program does not exist. A runtime that works says just
// that; one that refuses this machine says something else first.
Json probe_spec(const std::string& rootfs, const std::string& cgroup) {
  return {
      {"ociVersion", "1.0.2"},
      {"process",
       {{"terminal", false},
        {"user", {{"uid", 0}, {"gid", 0}}},
        {"args", {"/slipway-probe"}},
        {"env", Json::array({"PATH=/bin"})},
        {"cwd", "/"}}},
      {"root", {{"path", rootfs}, {"readonly", false}}},
      {"mounts", Json::array({{{"destination", "/proc"}, {"type", "proc"}, {"source", "proc"}}})},
      {"linux",
       {{"cgroupsPath", cgroup},
        {"namespaces", Json::array({{{"type", "pid"}}, {{"type", "mount"}}})}}}};
}

bool says_missing_program(const std::string& text) {
  const std::string lower = to_lower(text);
  return lower.find("slipway-probe") != std::string::npos &&
         (lower.find("not found") != std::string::npos ||
          lower.find("no such file") != std::string::npos);
}

// The words Docker uses for the reason, from crun's or runc's.
std::string reason(std::string_view message, std::string_view command) {
  const std::string text = unwrap_log(message);
  const std::string lower = to_lower(text);
  const auto has = [&](std::string_view part) { return lower.find(part) != std::string::npos; };
  if (has("executable file") && has("not found")) {
    if (command.find('/') == std::string_view::npos)
      return fmt::format("exec: \"{}\": executable file not found in $PATH", command);
    return fmt::format("exec: \"{0}\": stat {0}: no such file or directory", command);
  }
  if (has("open executable")) {
    if (has("operation not permitted") || has("is a directory"))
      return fmt::format("exec: \"{}\": is a directory: permission denied", command);
    if (has("permission denied")) return fmt::format("exec: \"{}\": permission denied", command);
  }
  for (std::string_view prefix : {"runc create failed: unable to start container process: ",
                                  "exec failed: unable to start container process: "}) {
    if (text.starts_with(prefix)) return text.substr(prefix.size());
  }
  return text;
}

}  // namespace

Runtime::Runtime(std::string state_root, std::string probe_root, std::string program)
    : state_root_(std::move(state_root)),
      probe_root_(std::move(probe_root)),
      program_(std::move(program)) {}

const std::string& Runtime::program() {
  const std::lock_guard lock(mutex_);
  if (!program_.empty()) return program_;
  std::string refusals;
  for (const char* candidate : kPrograms) {
    if (!exists(candidate)) continue;
    const std::string id = "slipway-probe-" + random_hex(8);
    const std::string bundle = probe_root_ + "/" + id;
    const Finally cleanup([&] {
      try {
        remove_tree(bundle);
      } catch (const std::exception& e) {
        log::warning("container", "remove {}: {}", bundle, e.what());
      }
    });
    make_directories(bundle + "/rootfs");
    make_directories(state_root_, 0700);
    write_file(bundle + "/config.json", probe_spec(bundle + "/rootfs", "/slipway/" + id).dump());
    const auto result =
        linux::run({.argv = {candidate, "--root", state_root_, "create", "-b", bundle, id}},
                   {.deadline = in_seconds(20)});
    linux::run({.argv = {candidate, "--root", state_root_, "delete", "--force", id}},
               {.deadline = in_seconds(20)});
    if (says_missing_program(result.err)) {
      program_ = candidate;
      log::info("container", "containers are started by {}", program_);
      return program_;
    }
    refusals += fmt::format("; {} says: {}", candidate, unwrap_log(result.err));
  }
  throw unavailable("no container runtime works on this machine{}",
                    refusals.empty() ? ": install crun or runc" : refusals);
}

std::string Runtime::program_named(const std::string& name) {
  if (name.empty()) return program();
  const auto is_it = [&](const std::string& path) { return path.ends_with("/" + name); };
  if (is_it(program())) return program();
  for (const char* candidate : kPrograms) {
    if (is_it(candidate) && exists(candidate)) return candidate;
  }
  throw invalid_argument("unknown or invalid runtime name: {} (not installed)", name);
}

std::string Runtime::program_of(const std::string& id) {
  const std::string state = state_root_ + "/" + id;
  if (exists(state + "/state.json")) return program_named("runc");
  if (exists(state + "/status")) return program_named("crun");
  return program();
}

void Runtime::command(const std::string& id, std::vector<std::string> args) {
  linux::SpawnOptions options;
  options.argv = {program_of(id), "--root", state_root_};
  options.argv.insert(options.argv.end(), args.begin(), args.end());
  const auto result = linux::run(options, {.deadline = in_seconds(60)});
  if (!result.status.ok())
    throw internal("{} {}: {}", options.argv[0], args.front(), unwrap_log(result.err));
}

// What `crun start` does, without a process for it: the container's first process waits for a byte
// in this FIFO. False: not so here, the program is to do it.
bool Runtime::start_waiting(const std::string& id) const {
  const std::string state = state_root_ + "/" + id, path = state + "/exec.fifo";
  if (!exists(state + "/status")) return false;  // runc's is read from the other side
  const Fd fifo(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fifo || ::write(fifo.get(), "", 1) != 1) return false;
  return ::unlink(path.c_str()) == 0;
}

// What `crun delete` does for a container that has ended: its state goes. False: it has not.
bool Runtime::forget_ended(const std::string& id) const {
  const std::string state = state_root_ + "/" + id;
  const auto text = read_file_if_exists(state + "/status");
  if (!text) return false;
  try {
    const Json status = parse_json(*text, "crun's status");
    const int pid = status.value("pid", 0);
    if (!status.contains("process-start-time")) return false;  // an older crun's
    if (pid <= 0 || linux::process_alive(pid, status.value("process-start-time", uint64_t{0})))
      return false;
  } catch (const std::exception&) {
    return false;
  }
  remove_tree(state);
  return true;
}

void Runtime::start(const std::string& id) {
  if (!start_waiting(id)) command(id, {"start", id});
}

void Runtime::kill(const std::string& id, int signal, bool all) {
  std::vector<std::string> args = {"kill"};
  if (all) args.emplace_back("--all");
  args.push_back(id);
  args.push_back(std::to_string(signal));
  command(id, std::move(args));
}

void Runtime::pause(const std::string& id) {
  command(id, {"pause", id});
}
void Runtime::resume(const std::string& id) {
  command(id, {"resume", id});
}

void Runtime::destroy(const std::string& id) {
  if (!exists(state_root_ + "/" + id) || forget_ended(id)) return;
  command(id, {"delete", "--force", id});
}

std::string Runtime::state(const std::string& id) {
  if (!exists(state_root_ + "/" + id)) return {};
  const auto result = linux::run({.argv = {program_of(id), "--root", state_root_, "state", id}},
                                 {.deadline = in_seconds(30)});
  if (!result.status.ok()) return {};
  try {
    return parse_json(result.out, "runtime state").value("status", "");
  } catch (const std::exception&) {
    return {};
  }
}

std::string describe_runtime_error(std::string_view message, std::string_view command) {
  return fmt::format(
      "failed to create task for container: failed to create shim task: OCI runtime create failed: "
      "runc create failed: unable to start container process: {}: unknown",
      reason(message, command));
}

std::string describe_exec_error(std::string_view message, std::string_view command) {
  return fmt::format(
      "OCI runtime exec failed: exec failed: unable to start container process: {}: unknown",
      reason(message, command));
}

int exit_code_of_start_error(std::string_view text) {
  const std::string lower = to_lower(text);
  const auto has = [&](std::string_view part) { return lower.find(part) != std::string::npos; };
  if (has("executable file not found") || has("no such file or directory")) return 127;
  if (has("permission denied") || has("is a directory")) return 126;
  return 128;
}

}  // namespace slipway::container
