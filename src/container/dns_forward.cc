// Questions that others must answer: one socket for each attempt (a port of its own is half of what
// makes an answer hard to forge; the id is the other half), the servers in turn.
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/error.h"
#include "container/dns_server_impl.h"

namespace slipway::container::dns {
namespace {

constexpr auto patience = milliseconds(2000);  // for one attempt

// One question under way.
struct Question {
  SeatPtr seat;
  std::string request;  // as the client sent it
  std::string sent;     // with an id of ours
  std::vector<std::string> servers;
  size_t attempts = 0;
  bool tcp = false;
  Reply reply;

  size_t most_attempts() const { return std::max<size_t>(2, servers.size()); }
  ~Question() { --seat->questions; }
};
using QuestionPtr = std::shared_ptr<Question>;

void ask_next(Loop& loop, const QuestionPtr& question);

void finish(Loop& loop, const QuestionPtr& question, std::string message) {
  if (question->seat->gone) return;
  set_message_id(message, message_id(question->request));
  question->reply(loop, std::move(message));
}

// A server that cannot help: another may.
bool is_failure(const std::string& message) {
  const int rcode = message[3] & 15;
  return rcode == server_failure || rcode == not_implemented || rcode == 5;
}

void take(Loop& loop, const QuestionPtr& question, std::string message) {
  if (is_failure(message) && question->attempts < question->servers.size())
    return ask_next(loop, question);
  finish(loop, question, std::move(message));
}

struct UdpAttempt : Source {
  QuestionPtr question;

  void ready(Loop& loop, uint32_t) override {
    std::array<char, 65536> buffer;
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    const auto kept = question;
    if (got < 0) {  // refused
      loop.drop(key);
      return ask_next(loop, kept);
    }
    std::string message(buffer.data(), static_cast<size_t>(got));
    if (!answers(message, kept->sent)) return;  // not from whom we asked, or too late
    loop.drop(key);
    take(loop, kept, std::move(message));
  }
  void expired(Loop& loop) override {
    const auto kept = question;
    loop.drop(key);
    ask_next(loop, kept);
  }
};

struct TcpAttempt : Source {
  QuestionPtr question;
  std::string out, in;

  void ready(Loop& loop, uint32_t events) override {
    const auto kept = question;
    bool failed = (events & EPOLLERR) != 0;
    if (!failed && !out.empty()) failed = !write_some(loop);
    if (!failed && (events & (EPOLLIN | EPOLLHUP)) != 0) failed = !read_some_more();
    if (failed) {
      loop.drop(key);
      return ask_next(loop, kept);
    }
    if (in.size() < 2) return;
    const size_t size = message_id(in);
    if (in.size() < 2 + size) return;
    std::string message = in.substr(2, size);
    loop.drop(key);
    if (!answers(message, kept->sent)) return ask_next(loop, kept);
    take(loop, kept, std::move(message));
  }
  void expired(Loop& loop) override {
    const auto kept = question;
    loop.drop(key);
    ask_next(loop, kept);
  }

 private:
  bool write_some(Loop& loop) {
    const ssize_t done = ::send(fd.get(), out.data(), out.size(), MSG_NOSIGNAL);
    if (done < 0) return errno == EAGAIN || errno == EINTR;
    out.erase(0, static_cast<size_t>(done));
    if (out.empty()) loop.watch(*this, EPOLLIN);
    return true;
  }
  bool read_some_more() {
    std::array<char, 16384> buffer;
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    in.append(buffer.data(), static_cast<size_t>(got));
    return got > 0 && in.size() <= message_limit + 2;
  }
};

Fd connect_server(const Address& address, bool tcp) {
  Fd socket(::socket(address.storage.ss_family,
                     (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return {};
  const auto* to = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(socket.get(), to, address.size) != 0 && errno != EINPROGRESS) return {};
  return socket;
}

// True when the attempt is under way.
bool attempt(Loop& loop, const QuestionPtr& question, const std::string& server) {
  const auto address = server_address(server);
  Fd socket = address ? connect_server(*address, question->tcp) : Fd();
  if (!socket) return false;
  question->sent = question->request;
  set_message_id(question->sent, static_cast<uint16_t>(loop.random()));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  if (!question->tcp) {
    const auto& sent = question->sent;
    if (::send(socket.get(), sent.data(), sent.size(), MSG_NOSIGNAL) < 0) return false;
    auto made = std::make_unique<UdpAttempt>();
    made->fd = std::move(socket);
    made->deadline = deadline;
    made->question = question;
    loop.add(std::move(made), EPOLLIN);
    return true;
  }
  auto made = std::make_unique<TcpAttempt>();
  made->fd = std::move(socket);
  made->deadline = deadline;
  made->question = question;
  made->out.resize(2);
  set_message_id(made->out, static_cast<uint16_t>(question->sent.size()));
  made->out += question->sent;
  loop.add(std::move(made), EPOLLIN | EPOLLOUT);
  return true;
}

void ask_next(Loop& loop, const QuestionPtr& question) {
  while (!question->seat->gone && question->attempts < question->most_attempts()) {
    const auto& server = question->servers[question->attempts % question->servers.size()];
    ++question->attempts;
    if (attempt(loop, question, server)) return;
  }
  const auto query = parse_query(question->request).query;
  if (query)
    finish(loop, question,
           make_reply(question->request, *query, server_failure, {}, query->udp_size));
}

}  // namespace

std::optional<Address> server_address(const std::string& text) {
  constexpr uint16_t port = 53;
  Address out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (::inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.size = sizeof *v4;
    return out;
  }
  if (::inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  out.size = sizeof *v6;
  return out;
}

void forward(Loop& loop, const SeatPtr& seat, std::string request, std::vector<std::string> servers,
             bool tcp, Reply reply) {
  ++seat->questions;
  const auto question = std::make_shared<Question>();
  question->seat = seat;
  question->request = std::move(request);
  question->servers = std::move(servers);
  question->tcp = tcp;
  question->reply = std::move(reply);
  ask_next(loop, question);
}

}  // namespace slipway::container::dns
