// run(): feeds stdin and drains stdout and stderr in one poll loop until the program ends.
#include <csignal>
#include <fcntl.h>
#include <poll.h>

#include "base/error.h"
#include "base/strings.h"
#include "linux/process.h"

namespace slipway::linux {
namespace {

void set_nonblocking(const Fd& fd) {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  check(::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK), "set a pipe non-blocking");
}

// One captured stream.
struct Capture {
  Fd fd;
  std::string* text = nullptr;

  // Reads what is there; closes at the end.
  void drain(size_t limit, bool& truncated) {
    char buffer[16384];
    while (fd) {
      const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n <= 0) {
        fd.reset();
        return;
      }
      const size_t room = limit - std::min(limit, text->size());
      truncated |= static_cast<size_t>(n) > room;
      text->append(buffer, std::min(room, static_cast<size_t>(n)));
    }
  }
};

struct Feed {
  Fd fd;
  std::string_view left;

  void pump() {
    while (fd && !left.empty()) {
      const ssize_t n = ::write(fd.get(), left.data(), left.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) left = {};  // it does not want its input
      if (n > 0) left.remove_prefix(static_cast<size_t>(n));
    }
    fd.reset();
  }
};

// A write to a program that closed its stdin must be an EPIPE, not a signal.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set_, &old_);
  }
  ~NoSigpipe() {
    if (!sigismember(&old_, SIGPIPE)) {
      const timespec now{};
      while (sigtimedwait(&set_, nullptr, &now) > 0) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t set_, old_;
};

struct Session {
  Process process;
  Feed feed;
  Capture out, err;
};

Session begin(const SpawnOptions& options, const RunOptions& how, RunResult& result) {
  Session session;
  SpawnOptions with = options;
  std::vector<Fd> child_ends;
  auto capture = [&](int target, Capture& into, std::string& text) {
    if (with.fds.contains(target)) return;
    auto pipe = make_pipe();
    set_nonblocking(pipe.read);
    with.fds[target] = pipe.write.get();
    child_ends.push_back(std::move(pipe.write));
    into = Capture{std::move(pipe.read), &text};
  };
  capture(1, session.out, result.out);
  capture(2, session.err, result.err);
  if (!how.input.empty() && !with.fds.contains(0)) {
    auto pipe = make_pipe();
    set_nonblocking(pipe.write);
    with.fds[0] = pipe.read.get();
    child_ends.push_back(std::move(pipe.read));
    session.feed = Feed{std::move(pipe.write), how.input};
  }
  session.process = Process::spawn(with);
  return session;
}

int poll_ms(SteadyTime deadline) {
  if (deadline == SteadyTime::max()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

// True once the process has ended.
bool step(Session& session, const RunOptions& how, const Stop& stop, RunResult& result) {
  pollfd fds[5] = {{stop.fd(), POLLIN, 0},
                   {session.process.pidfd(), POLLIN, 0},
                   {session.out.fd.get(), POLLIN, 0},  // poll ignores negative descriptors
                   {session.err.fd.get(), POLLIN, 0},
                   {session.feed.fd.get(), POLLOUT, 0}};
  const int n = ::poll(fds, 5, poll_ms(how.deadline));
  if (n < 0 && errno != EINTR) throw SystemError(errno, "poll");
  session.out.drain(how.output_limit, result.truncated);
  session.err.drain(how.output_limit, result.truncated);
  session.feed.pump();
  return n > 0 && fds[1].revents != 0;
}

}  // namespace

RunResult run(const SpawnOptions& options, const RunOptions& how, const Stop& stop) {
  RunResult result;
  const NoSigpipe quiet;
  Session session = begin(options, how, result);
  while (!step(session, how, stop, result)) {
    // The destructor of the process kills and reaps it.
    if (stop.requested()) throw cancelled("{}: stopped", options.argv[0]);
    if (std::chrono::steady_clock::now() >= how.deadline)
      throw timeout("{} did not end in time", options.argv[0]);
  }
  result.status = *session.process.wait();
  session.out.drain(how.output_limit, result.truncated);
  session.err.drain(how.output_limit, result.truncated);
  return result;
}

RunResult run_ok(const SpawnOptions& options, const RunOptions& how, const Stop& stop) {
  auto result = run(options, how, stop);
  if (result.status.ok()) return result;
  std::string_view said = trim(result.err.empty() ? result.out : result.err);
  if (said.size() > 2000) said.remove_prefix(said.size() - 2000);
  throw internal("{} failed: {}{}{}", options.argv[0], result.status.describe(),
                 said.empty() ? "" : ": ", said);
}

}  // namespace slipway::linux
