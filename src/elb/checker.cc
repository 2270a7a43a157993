#include "elb/checker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/strings.h"

namespace slipway::elb {
namespace {

using std::chrono::steady_clock;

constexpr size_t most_bytes = 64 * 1024;
constexpr milliseconds linger_time(200);

// One check under way, or waiting for its time.
class Probe {
 public:
  explicit Probe(Check check, SteadyTime now) : check_(std::move(check)), due_(now) {}

  const Check& check() const { return check_; }
  Counters& counters() { return counters_; }
  void take_over(Check check) { check_ = std::move(check); }
  int fd() const { return fd_.get(); }
  short events() const { return phase_ == Phase::connecting ? POLLOUT : POLLIN; }
  // When advance must be called at the latest.
  SteadyTime next() const { return fd_ ? deadline_ : due_; }

  // Does what can be done now; a result when the check has just ended.
  std::optional<CheckResult> advance(SteadyTime now, bool ready) {
    if (!fd_) return now >= due_ ? begin(now) : std::nullopt;
    if (ready) {
      auto result = phase_ == Phase::connecting ? connected() : receive(now);
      if (result || !fd_) return result;
    }
    if (now < deadline_) return std::nullopt;
    const bool reported = phase_ == Phase::lingering;
    fd_.reset();
    return reported ? std::nullopt : std::optional(CheckResult{Outcome::timeout, 0});
  }

 private:
  enum class Phase { connecting, waiting, lingering };

  std::optional<CheckResult> end(Outcome outcome, int code = 0) {
    fd_.reset();
    return CheckResult{outcome, code};
  }

  std::optional<CheckResult> begin(SteadyTime now) {
    due_ = now + check_.interval;
    deadline_ = now + check_.timeout;
    phase_ = Phase::connecting;
    answer_.clear();
    fd_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(check_.port);
    if (!fd_ || ::inet_pton(AF_INET, check_.address.c_str(), &where.sin_addr) != 1) {
      return end(Outcome::failed);
    }
    const int rc = ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&where), sizeof where);
    if (rc != 0 && errno != EINPROGRESS) return end(Outcome::failed);
    return std::nullopt;  // poll says when it stands
  }

  std::optional<CheckResult> connected() {
    int problem = 0;
    socklen_t size = sizeof problem;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem != 0) return end(Outcome::failed);
    if (!check_.http) return end(Outcome::passed);
    const std::string request = fmt::format(
        "GET {} HTTP/1.1\r\nHost: {}:{}\r\nConnection: close\r\n"
        "User-Agent: ELB-HealthChecker/2.0\r\nAccept-Encoding: gzip, compressed\r\n\r\n",
        check_.path, check_.address, check_.port);
    // At most 1.2 KB into an empty socket buffer: it fits or the connection is broken.
    const ssize_t sent = ::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request.size())) return end(Outcome::failed);
    phase_ = Phase::waiting;
    return std::nullopt;
  }

  std::optional<CheckResult> receive(SteadyTime now) {
    char buffer[4096];
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    received_ += got > 0 ? static_cast<size_t>(got) : 0;
    if (phase_ == Phase::lingering) {
      if (got <= 0 || received_ > most_bytes) fd_.reset();
      return std::nullopt;
    }
    if (got <= 0) return end(Outcome::failed);
    answer_.append(buffer, static_cast<size_t>(got));
    const size_t line = answer_.find('\n');
    if (line == std::string::npos) {
      return answer_.size() > 4096 ? end(Outcome::failed) : std::nullopt;
    }
    return judge(std::string_view(answer_).substr(0, line), now);
  }

  // "HTTP/1.1 200 OK"
  std::optional<CheckResult> judge(std::string_view line, SteadyTime now) {
    const bool http = line.starts_with("HTTP/1.") && line.size() >= 12 && line[8] == ' ';
    const auto code = http ? parse_uint(line.substr(9, 3)) : std::nullopt;
    if (!code || *code < 100) return end(Outcome::failed);
    // The rest is read for a moment, so that the target does not see a reset.
    phase_ = Phase::lingering;
    received_ = 0;
    deadline_ = now + linger_time;
    const int number = static_cast<int>(*code);
    const bool good = matches(check_.matcher, number);
    return CheckResult{good ? Outcome::passed : Outcome::code_mismatch, number};
  }

  Check check_;
  Counters counters_;
  SteadyTime due_, deadline_{};
  Fd fd_;
  Phase phase_ = Phase::connecting;
  std::string answer_;
  size_t received_ = 0;
};

using Probes = std::map<std::string, Probe>;

void take_over(Probes& probes, std::vector<Check> wanted) {
  std::set<std::string> keys;
  const auto now = steady_clock::now();
  for (auto& check : wanted) {
    keys.insert(check.key);
    const auto known = probes.find(check.key);
    if (known == probes.end()) {
      probes.emplace(check.key, Probe(check, now));
    } else {
      known->second.take_over(std::move(check));
    }
  }
  std::erase_if(probes, [&](const auto& entry) { return !keys.contains(entry.first); });
}

int poll_time(const Probes& probes, SteadyTime now) {
  auto next = now + seconds(60);
  for (auto& [key, probe] : probes) next = std::min(next, probe.next());
  const auto wait = std::chrono::ceil<milliseconds>(next - now).count();
  return static_cast<int>(std::clamp<int64_t>(wait, 0, 60'000));
}

}  // namespace

Checker::Checker(Report report) : report_(std::move(report)), thread_([this] { run(); }) {}

Checker::~Checker() {
  stop_.request();
  thread_.join();
}

void Checker::set(std::vector<Check> checks) {
  *wanted_.lock() = std::move(checks);
  wakeup_.notify();
}

void Checker::run() {
  Probes probes;
  while (!stop_.requested()) {
    std::vector<pollfd> polled = {{stop_.fd(), POLLIN, 0}, {wakeup_.fd(), POLLIN, 0}};
    std::vector<Probe*> of_polled;
    for (auto& [key, probe] : probes) {
      if (probe.fd() < 0) continue;
      polled.push_back({probe.fd(), probe.events(), 0});
      of_polled.push_back(&probe);
    }
    ::poll(polled.data(), polled.size(), poll_time(probes, steady_clock::now()));
    const auto now = steady_clock::now();
    std::set<const Probe*> ready;
    for (size_t i = 0; i < of_polled.size(); ++i) {
      if (polled[i + 2].revents != 0) ready.insert(of_polled[i]);
    }
    for (auto& [key, probe] : probes) {
      const auto result = probe.advance(now, ready.contains(&probe));
      if (!result) continue;
      try {
        report_(probe.check(), *result, probe.counters());
      } catch (const std::exception& e) {
        log::error("elb", "the health of {} was not recorded: {}", key, e.what());
      }
    }
    wakeup_.drain();
    auto wanted = std::exchange(*wanted_.lock(), std::nullopt);
    if (wanted) take_over(probes, std::move(*wanted));
  }
}

}  // namespace slipway::elb
