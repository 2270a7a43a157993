#include "net/server_exchange.h"

#include <ctime>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"

namespace slipway::net {
namespace {

std::string http_date() {
  const auto now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", parts);
}

bool bodiless(int status) {
  return status / 100 == 1 || status == 204 || status == 304;
}

std::string chunk_head(uint64_t size) {
  return fmt::format("{:x}\r\n", size);
}

// The request as the handler sees it. Throws MessageError.
Request make_request(const MessageHead& head, const Endpoints& endpoints) {
  Request out;
  out.method = head.method;
  out.target = head.target;
  out.headers = head.headers;
  out.peer = endpoints.peer;
  out.local = endpoints.local;
  std::string_view target = head.target;
  if (target.starts_with("http://") || target.starts_with("https://")) {  // absolute form
    const auto path = target.find('/', target.find("://") + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  if (!target.starts_with('/') && target != "*") {
    throw MessageError(400, "malformed request target");
  }
  std::tie(out.path, out.query) = split_once(target, '?');
  const auto hosts = head.headers.all("Host").size();
  if (hosts > 1 || (hosts == 0 && head.version >= 11)) {
    throw MessageError(400, "a request needs exactly one Host header");
  }
  return out;
}

}  // namespace

ServerExchange::ServerExchange(ServerSocket& socket, MessageReader& message,
                               const Endpoints& endpoints, const ConnectionContext& context,
                               const Stop& connection_stop)
    : socket_(socket),
      message_(message),
      request_(make_request(message.head(), endpoints)),
      context_(context),
      connection_stop_(connection_stop),
      stop_(connection_stop.child()),
      keep_alive_(message.head().keep_alive) {
  if (message_.done()) watch(!upgrading());
}

size_t ServerExchange::read(std::span<char> into) {
  if (into.empty()) return 0;
  send_continue();
  for (;;) {
    const size_t n = message_.parse_body(socket_.in, into);
    if (message_.done()) watch(!upgrading());
    if (n > 0 || message_.done()) return n;
    const Waiting waiting{connection_stop_, deadline_in(context_.options.body_timeout)};
    if (!socket_.fill(waiting)) throw unavailable("the request body ended too early");
  }
}

void ServerExchange::respond(int status, const Headers& headers, std::string_view body) {
  require_not_begun();
  auto all = headers;
  if (!bodiless(status) && !all.has("Content-Length")) {
    all.add("Content-Length", std::to_string(body.size()));
  }
  std::string out = head_text(status, std::move(all));
  begun_ = finished_ = true;
  const bool with_body = !bodiless(status) && request_.method != "HEAD";
  if (with_body && body.size() <= kReadBlock) {
    send(out.append(body));
  } else {
    send(out);
    if (with_body) send(body);
  }
}

void ServerExchange::begin(int status, const Headers& headers, std::optional<uint64_t> length) {
  require_not_begun();
  auto all = headers;
  no_body_ = bodiless(status) || request_.method == "HEAD";
  if (length) {
    all.set("Content-Length", std::to_string(*length));
    left_ = *length;
  } else if (message_.head().version >= 11) {
    if (!bodiless(status)) all.set("Transfer-Encoding", "chunked");
    chunked_ = true;
  } else {
    keep_alive_ = false;  // HTTP/1.0: the end of the connection is the end of the body
  }
  const auto out = head_text(status, std::move(all));
  begun_ = true;
  send(out);
}

void ServerExchange::write(std::string_view bytes) {
  require_open();
  if (no_body_ || bytes.empty()) return;
  if (chunked_) {
    send(chunk_head(bytes.size()).append(bytes).append("\r\n"));
  } else {
    take_from_length(bytes.size());
    send(bytes);
  }
}

void ServerExchange::send_file(int fd, uint64_t offset, uint64_t length) {
  require_open();
  if (no_body_ || length == 0) return;
  if (chunked_) send(chunk_head(length));
  if (!chunked_) take_from_length(length);
  socket_.transport->send_file(fd, offset, length, {connection_stop_});
  if (chunked_) send("\r\n");
}

void ServerExchange::finish() {
  require_open();
  finished_ = true;
  if (no_body_) return;
  if (chunked_) send("0\r\n\r\n");
  if (left_.value_or(0) > 0) {
    keep_alive_ = false;
    throw internal("the answer ended {} bytes too early", *left_);
  }
}

std::unique_ptr<Stream> ServerExchange::hijack(int status, const Headers& headers) {
  require_not_begun();
  drain();
  // From the first byte of our answer on, a peer that stops sending is only at the end of its
  // input.
  unwatch();
  watch(false);
  const auto line = fmt::format("HTTP/1.1 {} {}", status, reason_phrase(status));
  send(format_head(line, headers));
  begun_ = finished_ = true;
  hijacked_ = true;
  return make_stream(socket_.transport, std::move(socket_.in), connection_stop_);
}

bool ServerExchange::settle() {
  unwatch();
  if (hijacked_) return false;
  if (!begun_ && stop_.requested()) return false;
  if (!begun_) respond(500, {}, "the request was not answered\n");
  if (!finished_ || !keep_alive_) return false;
  if (message_.done()) return true;
  if (message_.head().expect_continue && !continued_) return false;
  return drain();
}

void ServerExchange::fail(const std::exception& e) {
  if (stop_.requested()) return;  // nobody is there to be told
  const auto* ours = dynamic_cast<const Error*>(&e);
  const bool ended =
      ours != nullptr && (ours->kind() == Kind::unavailable || ours->kind() == Kind::cancelled);
  log::write(ended ? log::Level::debug : log::Level::error, "http",
             fmt::format("{} {}: {}", request_.method, request_.path, e.what()));
  if (!begun_) respond(500, {}, "internal error\n");
}

void ServerExchange::require_not_begun() const {
  if (begun_) throw internal("the answer has begun already");
}
void ServerExchange::require_open() const {
  if (!begun_ || finished_) throw internal("the answer has not begun, or has ended");
}

std::string ServerExchange::head_text(int status, Headers headers) {
  if (!headers.has("Date")) headers.add("Date", http_date());
  if (iequals(headers.get("Connection"), "close")) keep_alive_ = false;
  if (!keep_alive_ && !headers.has("Connection")) headers.add("Connection", "close");
  if (keep_alive_ && message_.head().version < 11) headers.set("Connection", "keep-alive");
  return format_head(fmt::format("HTTP/1.1 {} {}", status, reason_phrase(status)), headers);
}

void ServerExchange::take_from_length(uint64_t size) {
  if (!left_) return;
  if (size > *left_) throw internal("the answer is longer than announced");
  *left_ -= size;
}

void ServerExchange::send(std::string_view bytes) {
  socket_.transport->write(bytes, {connection_stop_});
}

void ServerExchange::send_continue() {
  if (continued_ || !message_.head().expect_continue || message_.done() || begun_) return;
  continued_ = true;
  if (socket_.in.size() == 0) send("HTTP/1.1 100 Continue\r\n\r\n");
}

bool ServerExchange::drain() {
  std::vector<char> block(16 * 1024);
  size_t total = 0;
  while (const size_t n = read(block)) {
    total += n;
    if (total > kMaxDrain) return false;
  }
  return true;
}

void ServerExchange::watch(bool half_close) {
  if (!watch_) watch_ = context_.hangups.watch(socket_.transport->fd(), half_close, stop_);
}
void ServerExchange::unwatch() {
  if (watch_) context_.hangups.unwatch(*watch_, socket_.transport->fd());
  watch_.reset();
}

}  // namespace slipway::net
