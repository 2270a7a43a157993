#include "haproxy/supervisor.h"

#include <arpa/inet.h>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"

namespace slipway::haproxy {
namespace {

using std::chrono::steady_clock;

// Debian's package makes the user; without it, workers stay what we are.
bool user_exists(const char* name) {
  char buffer[4096];
  passwd entry{};
  passwd* found = nullptr;
  return ::getpwnam_r(name, &entry, buffer, sizeof buffer, &found) == 0 && found;
}

// HAProxy needs two descriptors a connection and refuses to start when it cannot have them.
int connections_allowed() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1000;
  if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > 24'000) return 10'000;
  return static_cast<int>(limit.rlim_max / 5 * 2);
}

struct PidFile {
  int pid = 0;
  uint64_t start_time = 0;
};

std::optional<PidFile> read_pid(const std::string& path) {
  const auto text = read_file_if_exists(path);
  if (!text) return std::nullopt;
  const auto [pid, start] = split_once(trim(*text), ' ');
  const auto number = parse_uint(pid);
  const auto ticks = parse_uint(start);
  if (!number || !ticks || *number == 0 || *number > 0x7fffffff) return std::nullopt;
  return PidFile{static_cast<int>(*number), *ticks};
}

}  // namespace

Supervisor::Supervisor(SupervisorOptions options)
    : options_(std::move(options)), master_(options_.directory + "/master.sock") {
  make_directories(options_.directory, 0755);
  if (::geteuid() == 0 && user_exists("haproxy")) user_ = group_ = "haproxy";
}

Supervisor::~Supervisor() {
  if (child_) child_->let_go();
}

RenderOptions Supervisor::render_options() const {
  return {options_.directory, options_.threads, connections_allowed(), user_, group_};
}

bool Supervisor::process_runs() {
  if (child_ && child_->wait({}, steady_clock::now())) child_.reset();  // reap it
  const auto known = read_pid(options_.directory + "/pid");
  return known && linux::process_alive(known->pid, known->start_time);
}

std::optional<std::string> Supervisor::running() {
  if (!process_runs()) return std::nullopt;
  return master_.description();
}

void Supervisor::write_pages(const Rendered& rendered) const {
  for (auto& [name, bytes] : rendered.files) {
    const std::string path = options_.directory + "/" + name;
    if (!exists(path)) write_file(path, bytes);
  }
}

void Supervisor::remove_old_pages(const Rendered& rendered) const {
  std::error_code ignored;
  for (auto& entry : std::filesystem::directory_iterator(options_.directory, ignored)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with("body-") && !rendered.files.contains(name)) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

void Supervisor::validate(const std::string& config) const {
  linux::SpawnOptions spawn;
  spawn.argv = {options_.program, "-c", "-f", config};
  linux::RunOptions how;
  how.deadline = steady_clock::now() + seconds(30);
  linux::RunResult result;
  try {
    result = linux::run(spawn, how);
  } catch (const SystemError& e) {
    if (e.error_number() != ENOENT) throw;
    throw unavailable("HAProxy is not installed ('{}' is not in PATH): apt-get install haproxy",
                      options_.program);
  }
  if (!result.status.ok()) {
    throw internal("HAProxy refuses the configuration {}: {}", config, trim(result.err));
  }
}

void Supervisor::apply(const Rendered& rendered) {
  write_pages(rendered);
  const std::string config = options_.directory + "/haproxy.cfg";
  const auto before = read_file_if_exists(config);
  write_file(config + ".new", rendered.config, 0600);
  validate(config + ".new");
  std::filesystem::rename(config + ".new", config);
  try {
    if (process_runs()) {
      reload(rendered);
    } else {
      start(rendered);
    }
  } catch (const Error&) {
    // The file always says what runs: binds() reads it.
    if (before) write_file(config, *before, 0600);
    throw;
  }
  remove_old_pages(rendered);
}

void Supervisor::start(const Rendered& rendered) {
  const std::string log = options_.directory + "/haproxy.log";
  const Fd output = open_file(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  const Fd devnull = open_file("/dev/null", O_RDONLY);
  std::error_code ignored;
  std::filesystem::remove(master_.path(), ignored);
  linux::SpawnOptions spawn;
  spawn.argv = {options_.program,
                "-W",
                "-S",
                master_.path() + ",mode,600",
                "-f",
                options_.directory + "/haproxy.cfg"};
  spawn.cwd = "/";
  // Nothing of our environment is its business. Its buffers come and go by the dozen: without the
  // threshold, the C library would hand each back to the kernel (a quarter of a request's time).
  spawn.env = {{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "MALLOC_TRIM_THRESHOLD_=67108864"}};
  spawn.new_session = true;
  spawn.fds = {{0, devnull.get()}, {1, output.get()}, {2, output.get()}};
  child_ = linux::Process::spawn(spawn);
  const auto start_time = linux::process_start_time(child_->pid());
  write_file(options_.directory + "/pid",
             fmt::format("{} {}\n", child_->pid(), start_time.value_or(0)));
  wait_for_structure(rendered.structure, std::nullopt);
  log::info("haproxy", "HAProxy started, pid {}", child_->pid());
}

void Supervisor::reload(const Rendered& rendered) {
  const int failed_before = master_.processes().failed_reloads;
  master_.command("reload");
  wait_for_structure(rendered.structure, failed_before);
}

// A new worker has taken over when the current one describes itself as the structure.
void Supervisor::wait_for_structure(const std::string& structure,
                                    std::optional<int> failed_before) {
  const Stop never;
  const auto deadline = steady_clock::now() + seconds(20);
  milliseconds pause(2);
  while (steady_clock::now() < deadline) {
    if (!process_runs()) throw unavailable("HAProxy ended at its start: {}", log_tail());
    try {
      if (master_.description() == structure) return;
      if (failed_before && master_.processes().failed_reloads > *failed_before) {
        throw internal("HAProxy could not reload: {}", log_tail());
      }
    } catch (const Error& e) {
      if (e.kind() != Kind::unavailable) throw;  // the master is starting itself anew
    }
    never.wait_for(pause);
    pause = std::min(pause * 2, milliseconds(50));
  }
  throw unavailable("HAProxy did not take over the new configuration in 20 s: {}", log_tail());
}

std::string Supervisor::log_tail() const {
  const auto text = read_file_if_exists(options_.directory + "/haproxy.log").value_or("");
  std::string out;
  const auto lines = split(text, '\n');
  for (size_t i = lines.size() > 6 ? lines.size() - 6 : 0; i < lines.size(); ++i) {
    if (!lines[i].empty() && !lines[i].starts_with("[NOTICE]")) out += lines[i] + "; ";
  }
  return out.empty() ? "it wrote nothing" : out;
}

std::map<std::string, std::vector<Slot>> Supervisor::servers() const {
  std::map<std::string, std::vector<Slot>> out;
  for (auto& server : parse_servers(master_.command("@1 show servers state"))) {
    const auto number = parse_uint(std::string_view(server.server).substr(1));
    if (!server.backend.starts_with("tg_") || !number || *number < 1 || *number > 4096) continue;
    auto& slots = out[server.backend.substr(3)];
    if (slots.size() < *number) slots.resize(*number);
    if (server.address != "0.0.0.0") {
      slots[*number - 1] = {server.address, server.port, server.up};
    }
  }
  return out;
}

std::set<std::string> Supervisor::binds() {
  std::set<std::string> out;
  const auto text = read_file_if_exists(options_.directory + "/haproxy.cfg");
  if (!text || !process_runs()) return out;
  for (auto& line : split(*text, '\n')) {
    const auto word = trim(line);
    if (word.starts_with("bind ")) out.insert(std::string(trim(word.substr(5))));
  }
  return out;
}

void Supervisor::update(const std::vector<SlotChange>& changes) const {
  for (auto& change : changes) {
    const std::string name = backend_name(change.group) + "/" + server_name(change.slot);
    if (change.value.up) {
      // Answers in words whether or not it changed something; "ready" then tells if all is well.
      master_.command(fmt::format("@1 set server {} addr {} port {}", name, change.value.address,
                                  change.value.port));
    }
    tell("set server " + name + " state " + (change.value.up ? "ready" : "maint"));
    if (change.cut) tell("shutdown sessions server " + name);
  }
}

void Supervisor::tell(const std::string& command) const {
  const auto answer = master_.command("@1 " + command);
  if (!trim(answer).empty()) {
    throw internal("HAProxy answered '{}' to '{}'", trim(answer), command);
  }
}

void Supervisor::stop() {
  const auto known = read_pid(options_.directory + "/pid");
  if (known && linux::process_alive(known->pid, known->start_time)) {
    const Fd handle = linux::open_pidfd(known->pid);
    if (handle && linux::process_alive(known->pid, known->start_time)) {
      linux::signal_pidfd(handle.get(), SIGTERM);
      if (wait_readable(handle.get(), {}, steady_clock::now() + seconds(5)) != Ready::yes) {
        linux::signal_pidfd(handle.get(), SIGKILL);
        wait_readable(handle.get(), {}, steady_clock::now() + seconds(5));
      }
    }
  }
  if (child_) {
    child_->wait({}, steady_clock::now() + seconds(1));
    child_.reset();
  }
  remove_tree(options_.directory);
  make_directories(options_.directory, 0755);
}

bool Supervisor::can_bind(const std::string& address, uint16_t port) {
  const Fd fd(check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  if (::inet_pton(AF_INET, address.c_str(), &where.sin_addr) != 1) return false;
  return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
}

}  // namespace slipway::haproxy
