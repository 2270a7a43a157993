#include "docker/top.h"

#include <ctime>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"

namespace slipway::docker {
namespace {

std::optional<ino_t> pid_namespace(const std::string& pid) {
  struct stat s {};
  if (::stat(("/proc/" + pid + "/ns/pid").c_str(), &s) != 0) return std::nullopt;
  return s.st_ino;
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

Json processes_json(int first_pid) {
  const auto space = pid_namespace(std::to_string(first_pid));
  if (!space) throw conflict("the container's processes have ended");
  std::map<uint64_t, Json> rows;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    const auto pid = parse_uint(name);
    if (!pid || pid_namespace(name) != space) continue;
    try {
      if (auto row = process_row(name)) rows[*pid] = std::move(*row);
    } catch (const Error&) {  // it has just ended
    }
  }
  Json processes = Json::array();
  for (auto& [pid, row] : rows) processes.push_back(std::move(row));
  return {{"Titles", {"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"}},
          {"Processes", processes}};
}

}  // namespace slipway::docker
