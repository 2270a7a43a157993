#include "docker/top.h"

#include <ctime>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "linux/process.h"

namespace slipway::docker {

std::string group_in(const std::string& proc_cgroup) {
  std::string unified;
  for (const auto& line : split(proc_cgroup, '\n')) {
    const auto [number, rest] = split_once(line, ':');
    const auto [controllers, path] = split_once(rest, ':');
    if (controllers == "pids") return path;
    if (number == "0") unified = path;
  }
  return unified;
}

namespace {

std::string group_of(const std::string& pid) {
  return group_in(read_file_if_exists("/proc/" + pid + "/cgroup").value_or(""));
}

}  // namespace

// A first process that manages groups itself (systemd) stands in one below the container's.
std::string container_group(const std::string& group, const std::string& container_id) {
  const auto at = ("/" + group).find("/" + container_id);
  const auto end = at + container_id.size();
  if (container_id.empty() || at == std::string::npos) return group;
  return end < group.size() && group[end] != '/' ? group : group.substr(0, end);
}

namespace {

std::set<int64_t> group_members(int first_pid, const std::string& container_id) {
  const auto group = container_group(group_of(std::to_string(first_pid)), container_id);
  if (group.empty() || group == "/") throw conflict("the container's processes have ended");
  std::set<int64_t> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    const auto pid = parse_int(name);
    if (!pid) continue;
    try {
      const auto theirs = group_of(name);
      if (theirs == group || theirs.starts_with(group + "/")) out.insert(*pid);
    } catch (const Error&) {  // it has just ended
    }
  }
  return out;
}

std::string user_name(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  char buffer[4096];
  if (::getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(uid);
}

// Fields of /proc/PID/stat behind the command, which may itself contain spaces and parentheses.
std::vector<std::string> stat_fields(const std::string& text) {
  const auto end = text.rfind(')');
  if (end == std::string::npos || end + 2 > text.size()) return {};
  return split(std::string_view(text).substr(end + 2), ' ');
}

std::string clock_text(uint64_t ticks) {
  const auto secs = ticks / static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return fmt::format("{:02}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60);
}

std::string start_text(uint64_t ticks_since_boot) {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  const auto age = now.tv_sec - static_cast<time_t>(ticks_since_boot /
                                                    static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)));
  const time_t started = std::time(nullptr) - age;
  std::tm parts{};
  ::localtime_r(&started, &parts);
  return fmt::format("{:%H:%M}", parts);
}

std::optional<Json> process_row(const std::string& pid) {
  const auto stat_text = read_file_if_exists("/proc/" + pid + "/stat");
  if (!stat_text) return std::nullopt;
  const auto fields = stat_fields(*stat_text);
  if (fields.size() < 20) return std::nullopt;
  struct stat owner {};
  if (::stat(("/proc/" + pid).c_str(), &owner) != 0) return std::nullopt;
  auto command = read_file_if_exists("/proc/" + pid + "/cmdline").value_or("");
  command = std::string(trim(replace_all(command, std::string(1, '\0'), " ")));
  if (command.empty()) {
    command =
        "[" + std::string(trim(read_file_if_exists("/proc/" + pid + "/comm").value_or("?"))) + "]";
  }
  const auto used = parse_uint(fields[11]).value_or(0) + parse_uint(fields[12]).value_or(0);
  return Json{user_name(owner.st_uid),
              pid,
              fields[1],
              "0",
              start_text(parse_uint(fields[19]).value_or(0)),
              fields[4] == "0" ? "?" : "pts/0",
              clock_text(used),
              command};
}

}  // namespace

Json select_processes(const std::string& output, const std::set<int64_t>& pids) {
  const auto lines = split(output, '\n');
  std::vector<std::string> titles;
  for (const auto& word : split(lines[0], ' ')) {
    if (!word.empty()) titles.push_back(word);
  }
  const auto column = std::find(titles.begin(), titles.end(), "PID");
  if (column == titles.end()) throw invalid_argument("Couldn't find PID field in ps output");
  const auto at = static_cast<size_t>(column - titles.begin());
  Json processes = Json::array();
  for (size_t i = 1; i < lines.size(); ++i) {
    // The last column holds what is left, its spaces included.
    std::vector<std::string> row;
    std::string_view rest = trim(lines[i]);
    while (!rest.empty() && row.size() + 1 < titles.size()) {
      const size_t end = std::min(rest.find(' '), rest.size());
      row.emplace_back(rest.substr(0, end));
      rest = trim(rest.substr(end));
    }
    if (!rest.empty()) row.emplace_back(rest);
    const auto pid = row.size() > at ? parse_int(row[at]) : std::nullopt;
    if (pid && pids.contains(*pid)) processes.push_back(row);
  }
  return {{"Titles", titles}, {"Processes", processes}};
}

namespace {

Json ps_json(const std::set<int64_t>& pids, const std::string& arguments) {
  linux::SpawnOptions options;
  options.argv = {"ps"};
  for (const auto& word : split(arguments, ' ')) {
    if (!word.empty()) options.argv.push_back(word);
  }
  if (!slipway::exists("/usr/bin/ps") && !slipway::exists("/bin/ps"))
    throw unavailable("docker top with options needs ps on this machine: install procps");
  const auto result = linux::run(
      options,
      {.deadline = std::chrono::steady_clock::now() + seconds(10), .output_limit = 8u << 20});
  if (!result.status.ok())
    throw invalid_argument("error running ps: {}", trim(result.err.substr(0, 500)));
  return select_processes(result.out, pids);
}

}  // namespace

Json processes_json(int first_pid, const std::string& container_id, const std::string& arguments) {
  const auto pids = group_members(first_pid, container_id);
  if (!arguments.empty() && arguments != "-ef") return ps_json(pids, arguments);
  Json processes = Json::array();
  for (const auto pid : pids) {
    try {
      if (auto row = process_row(std::to_string(pid))) processes.push_back(std::move(*row));
    } catch (const Error&) {  // it has just ended
    }
  }
  return {{"Titles", {"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"}},
          {"Processes", processes}};
}

}  // namespace slipway::docker
