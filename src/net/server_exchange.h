// One request of a server connection as its handler sees it.
#pragma once
#include <memory>
#include <optional>
#include <vector>

#include "net/connection.h"
#include "net/message.h"
#include "net/socket.h"

namespace slipway::net {

constexpr size_t kReadBlock = 64 * 1024;
// What is read and thrown away of what nobody wanted, to save the connection...
constexpr size_t kMaxDrain = 256 * 1024;
// ... or its last answer: a client that is still writing a large body has to come to read it.
constexpr size_t kMaxLinger = 16 * 1024 * 1024;

// The connection itself: what was read ahead belongs to the next request.
struct ServerSocket {
  std::shared_ptr<Transport> transport;
  InputBuffer in;
  std::vector<char> block = std::vector<char>(kReadBlock);

  // False at end of stream.
  bool fill(const Waiting& waiting) {
    const size_t n = transport->read(block, waiting);
    in.append({block.data(), n});
    return n > 0;
  }
};

class ServerExchange : public Exchange {
 public:
  // Throws MessageError when the head makes no sense.
  ServerExchange(ServerSocket& socket, MessageReader& message, const Endpoints& endpoints,
                 const ConnectionContext& context, const Stop& connection_stop);
  ~ServerExchange() override { unwatch(); }

  const Request& request() const override { return request_; }
  const Stop& stop() const override { return stop_; }
  bool begun() const override { return begun_; }
  bool hijacked() const { return hijacked_; }

  size_t read(std::span<char> into) override;
  void respond(int status, const Headers& headers, std::string_view body) override;
  void begin(int status, const Headers& headers, std::optional<uint64_t> length) override;
  void write(std::string_view bytes) override;
  void send_file(int fd, uint64_t offset, uint64_t length) override;
  void finish() override;
  std::unique_ptr<Stream> hijack(int status, const Headers& headers) override;

  // An exception left the handler.
  void fail(const std::exception& e);
  // After the handler: true when the connection can serve another request.
  bool settle();

 private:
  void require_not_begun() const;
  void require_open() const;
  std::string head_text(int status, Headers headers);
  void take_from_length(uint64_t size);
  void send(std::string_view bytes);
  void send_continue();
  // False when the rest of the body is too long to be worth reading.
  bool drain();
  // Who asks for an upgrade may send and shut its side without waiting for the answer.
  bool upgrading() const { return request_.headers.has("Upgrade"); }
  void watch(bool half_close);
  void unwatch();

  ServerSocket& socket_;
  MessageReader& message_;
  Request request_;
  const ConnectionContext& context_;
  const Stop& connection_stop_;  // ends with the server
  Stop stop_;                    // and when the peer goes
  std::optional<uint64_t> watch_, left_;
  bool keep_alive_, begun_ = false, finished_ = false, chunked_ = false, no_body_ = false,
                    hijacked_ = false, continued_ = false;
};

}  // namespace slipway::net
