#include "build/ssh_agent.h"

#include <fcntl.h>
#include <filesystem>
#include <list>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace slipway::build {

namespace {

constexpr size_t kMostPairs = 32;

// A socket address is short; a path of any length is reached through its folder's descriptor.
sockaddr_un agent_address(const Fd& folder, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("/proc/self/fd/{}/{}", folder.get(),
                                       std::filesystem::path(path).filename().string());
  if (name.size() >= sizeof address.sun_path)
    throw invalid_argument("the name of socket {} is too long", path);
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  return address;
}

Fd folder_of(const std::string& path) {
  return open_file(std::filesystem::path(path).parent_path(), O_PATH | O_DIRECTORY);
}

Fd connect_agent(const std::string& path) {
  const Fd folder = folder_of(path);
  const auto address = agent_address(folder, path);
  Fd out(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket"));
  check(::connect(out.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
        "connect to the SSH agent {}", path);
  return out;
}

// Copies what is there; false once from has ended.
bool pass_on(int from, int to) {
  char buffer[16384];
  const ssize_t n = ::recv(from, buffer, sizeof buffer, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (n <= 0) return false;
  for (ssize_t at = 0; at < n;) {
    const ssize_t sent = ::send(to, buffer + at, static_cast<size_t>(n - at), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    at += sent;
  }
  return true;
}

struct AgentPair {
  Fd client, agent;
};

}  // namespace

AgentSocket::AgentSocket(const std::string& path, const std::string& agent, uint32_t uid,
                         uint32_t gid, uint32_t mode)
    : agent_(agent) {
  connect_agent(agent);  // an agent that is not there is said now
  const Fd folder = folder_of(path);
  const auto address = agent_address(folder, path);
  listener_ = Fd(check(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "make a socket"));
  check(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
        "bind {}", path);
  check(::lchown(path.c_str(), uid, gid), "change the owner of {}", path);
  check(::chmod(path.c_str(), mode), "change the mode of {}", path);
  check(::listen(listener_.get(), 16), "listen on {}", path);
  thread_ = std::jthread([this] { serve(); });
}

AgentSocket::~AgentSocket() {
  stop_.request();
}

void AgentSocket::serve() {
  std::list<AgentPair> pairs;
  while (!stop_.requested()) {
    std::vector<pollfd> watched = {{stop_.fd(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const auto& pair : pairs) {
      watched.push_back({pair.client.get(), POLLIN, 0});
      watched.push_back({pair.agent.get(), POLLIN, 0});
    }
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;
    size_t at = 2;
    for (auto pair = pairs.begin(); pair != pairs.end(); at += 2) {
      bool alive = true;
      if (watched[at].revents != 0) alive = pass_on(pair->client.get(), pair->agent.get());
      if (alive && watched[at + 1].revents != 0)
        alive = pass_on(pair->agent.get(), pair->client.get());
      pair = alive ? std::next(pair) : pairs.erase(pair);
    }
    if (watched[1].revents == 0) continue;
    Fd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client || pairs.size() >= kMostPairs) continue;
    try {
      pairs.push_back({std::move(client), connect_agent(agent_)});
    } catch (const Error&) {  // the agent has gone: the client sees its end
    }
  }
}

}  // namespace slipway::build
