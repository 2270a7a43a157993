#include <exception>

#include "base/error.h"
#include "net/connection.h"
#include "net/http.h"
#include "net/message.h"
#include "net/socket.h"

namespace slipway::net {
namespace {

constexpr size_t kBlock = 64 * 1024;
constexpr size_t kMaxHead = 256 * 1024;

struct Link {
  std::shared_ptr<Transport> transport;
  InputBuffer in;
  std::vector<char> block = std::vector<char>(kBlock);
  milliseconds idle;
  Stop stop;

  Waiting waiting() const { return {stop, deadline_in(idle)}; }
  bool fill() {
    const size_t n = transport->read(block, waiting());
    in.append({block.data(), n});
    return n > 0;
  }
};

class Response : public ClientResponse {
 public:
  Response(Link link, std::unique_ptr<MessageReader> message)
      : link_(std::move(link)), message_(std::move(message)) {}

  int status() const override { return message_->head().status; }
  const Headers& headers() const override { return message_->head().headers; }

  size_t read(std::span<char> into) override {
    if (into.empty()) return 0;
    for (;;) {
      try {
        const size_t n = message_->parse_body(link_.in, into);
        if (n > 0 || message_->done()) return n;
        if (!link_.fill()) {
          message_->at_eof();
          return 0;
        }
      } catch (const MessageError& e) {
        throw unavailable("the answer broke off: {}", e.what());
      }
    }
  }

  std::unique_ptr<Stream> upgrade() override {
    return make_stream(link_.transport, std::move(link_.in), link_.stop);
  }

 private:
  Link link_;
  std::unique_ptr<MessageReader> message_;
};

std::shared_ptr<Transport> open(const ClientRequest& request, const Url& url, const Stop& stop) {
  const Waiting waiting{stop, deadline_in(request.connect_timeout)};
  if (url.scheme == "unix") return plain_transport(connect_unix(url.host, waiting));
  auto fd = connect_tcp(url.host, url.port, waiting);
  if (url.scheme == "http") return plain_transport(std::move(fd));
  return tls_transport(std::move(fd), {url.host, request.ca_file, request.verify_tls}, waiting);
}

std::string host_header(const Url& url) {
  if (url.scheme == "unix") return "localhost";
  const bool v6 = url.host.find(':') != std::string::npos;
  const auto host = v6 ? "[" + url.host + "]" : url.host;
  const bool usual = url.port == (url.scheme == "https" ? "443" : "80");
  return usual ? host : host + ":" + url.port;
}

bool chunked(const ClientRequest& request) {
  return request.body_source && !request.body_length;
}

std::string request_head(const ClientRequest& request, const Url& url) {
  Headers headers = request.headers;
  if (!headers.has("Host")) headers.add("Host", host_header(url));
  if (!headers.has("Connection")) headers.add("Connection", "close");
  headers.remove("Content-Length");
  headers.remove("Transfer-Encoding");
  if (chunked(request)) {
    headers.add("Transfer-Encoding", "chunked");
  } else if (request.body_source) {
    headers.add("Content-Length", std::to_string(*request.body_length));
  } else if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
             request.method == "PATCH") {
    headers.add("Content-Length", std::to_string(request.body.size()));
  }
  return format_head(request.method + " " + url.path_and_query + " HTTP/1.1", headers);
}

void send_source(const ClientRequest& request, Link& link) {
  std::vector<char> block(kBlock);
  uint64_t sent = 0;
  while (const size_t n = request.body_source(block)) {
    sent += n;
    if (request.body_length && sent > *request.body_length) {
      throw internal("the request body is longer than announced");
    }
    const std::string_view piece(block.data(), n);
    if (chunked(request)) {
      link.transport->write(fmt::format("{:x}\r\n{}\r\n", n, piece), link.waiting());
    } else {
      link.transport->write(piece, link.waiting());
    }
  }
  if (chunked(request)) link.transport->write("0\r\n\r\n", link.waiting());
  if (request.body_length && sent < *request.body_length) {
    throw internal("the request body is shorter than announced");
  }
}

void send_request(const ClientRequest& request, const Url& url, Link& link) {
  const auto head = request_head(request, url);
  if (request.body_source) {
    link.transport->write(head, link.waiting());
    send_source(request, link);
    return;
  }
  std::string_view body = request.body;
  link.transport->write(head, link.waiting());
  while (!body.empty()) {  // in pieces: the idle timeout is between two of them
    link.transport->write(body.substr(0, kBlock), link.waiting());
    body.remove_prefix(std::min(body.size(), kBlock));
  }
}

// The first head that is not 1xx (but 101 is an answer).
std::unique_ptr<MessageReader> read_answer(const ClientRequest& request, Link& link) {
  for (;;) {
    auto message = read_response(kMaxHead, request.method == "HEAD");
    while (!message->parse_head(link.in)) {
      if (!link.fill()) throw unavailable("the connection was closed before an answer came");
    }
    const int status = message->head().status;
    if (status / 100 != 1 || status == 101) return message;
  }
}

}  // namespace

std::unique_ptr<ClientResponse> request(const ClientRequest& request, const Stop& stop) {
  const auto url = parse_url(request.url);
  // For error texts: queries may carry signatures.
  const auto where = request.url.substr(0, request.url.find('?'));
  Link link;
  link.stop = stop;
  link.idle = request.idle_timeout;
  link.transport = open(request, url, stop);
  std::exception_ptr send_failure;
  try {
    send_request(request, url, link);
  } catch (const Error& e) {
    // A server may answer (413, 401) and close before it has read everything.
    if (e.kind() != Kind::unavailable) throw;
    send_failure = std::current_exception();
  }
  try {
    auto message = read_answer(request, link);
    return std::make_unique<Response>(std::move(link), std::move(message));
  } catch (const MessageError& e) {
    throw unavailable("{}: {}", where, e.what());
  } catch (const Error& e) {
    if (send_failure) std::rethrow_exception(send_failure);
    throw Error(e.kind(), where + ": " + e.what());
  }
}

}  // namespace slipway::net
