#include "haproxy/master_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/stop.h"
#include "base/strings.h"

namespace slipway::haproxy {
namespace {

std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> out;
  for (auto& word : split(line, ' ')) {
    if (!trim(word).empty()) out.emplace_back(trim(word));
  }
  return out;
}

constexpr size_t answer_limit = 16u << 20;

Fd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw invalid_argument("path too long: {}", path);
  path.copy(address.sun_path, path.size());
  Fd fd(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw unavailable("HAProxy does not answer on {}: {}", path, std::strerror(errno));
  }
  return fd;
}

void send_all(int fd, std::string_view bytes, SteadyTime deadline) {
  const Stop never;
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
      throw unavailable("HAProxy hung up: {}", std::strerror(errno));
    } else if (wait_writable(fd, never, deadline) != Ready::yes) {
      throw unavailable("HAProxy does not read its command socket");
    }
  }
}

}  // namespace

ProcessList parse_processes(const std::string& text) {
  ProcessList out;
  bool old = false;
  for (auto& line : split(text, '\n')) {
    if (line.starts_with("# workers")) old = false;
    if (line.starts_with("# old workers")) old = true;
    if (const size_t at = line.find("[failed: "); at != std::string::npos) {
      const auto number = split_once(std::string_view(line).substr(at + 9), ']').first;
      out.failed_reloads = static_cast<int>(parse_int(number).value_or(0));
    }
    const auto fields = words(line);
    if (fields.size() < 2) continue;
    const auto pid = parse_int(fields[0]);
    if (!pid || *pid < 1 || *pid > 0x7fffffff) continue;
    if (fields[1] == "master") out.master = static_cast<int>(*pid);
    if (fields[1] == "worker") out.workers.push_back({static_cast<int>(*pid), !old});
  }
  return out;
}

std::vector<ServerState> parse_servers(const std::string& text) {
  std::vector<ServerState> out;
  for (auto& line : split(text, '\n')) {
    const auto fields = words(line);
    if (fields.size() < 19 || line[0] == '#') continue;
    const auto port = parse_uint(fields[18]);
    if (!port || *port > 65535) continue;
    out.push_back({fields[1], fields[3], fields[4], static_cast<uint16_t>(*port),
                   fields[5] == "2" && fields[6] == "0"});
  }
  return out;
}

std::string MasterSocket::command(const std::string& text, milliseconds time) const {
  const auto deadline = std::chrono::steady_clock::now() + time;
  const Stop never;
  const Fd fd = connect_to(path_);
  send_all(fd.get(), text + "\n", deadline);
  // The master keeps the connection for further commands unless told that there are none.
  ::shutdown(fd.get(), SHUT_WR);
  std::string answer;
  char buffer[16384];
  for (;;) {
    if (wait_readable(fd.get(), never, deadline) != Ready::yes) {
      throw unavailable("HAProxy did not answer '{}' in time", text.substr(0, 60));
    }
    const ssize_t got = ::recv(fd.get(), buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    // "reload" ends in a reset: the master starts itself anew.
    if (got <= 0) return answer;
    answer.append(buffer, static_cast<size_t>(got));
    if (answer.size() > answer_limit) throw too_large("HAProxy's answer is too long");
  }
}

std::optional<std::string> MasterSocket::description() const {
  for (auto& line : split(command("@1 show info"), '\n')) {
    if (line.starts_with("description: ")) return std::string(trim(line.substr(13)));
  }
  return std::nullopt;
}

}  // namespace slipway::haproxy
