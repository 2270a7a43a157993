// HTTP/1.1 messages off the wire: heads and framed bodies, incrementally, from a buffer. The one
// place that knows Beast's parser. No sockets here.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http.h"

namespace slipway::net {

// Bytes read ahead: filled at the back, consumed from the front.
class InputBuffer {
 public:
  std::string_view view() const { return std::string_view(data_).substr(position_); }
  size_t size() const { return data_.size() - position_; }
  void consume(size_t n) {
    position_ += n;
    if (position_ == data_.size()) clear();
  }
  void append(std::string_view bytes) {
    if (position_ > 0) data_.erase(0, position_);
    position_ = 0;
    data_ += bytes;
  }
  void clear() {
    data_.clear();
    position_ = 0;
  }

 private:
  std::string data_;
  size_t position_ = 0;
};

// A message that breaks the protocol; status is what a server answers.
class MessageError : public Error {
 public:
  MessageError(int status, const std::string& what)
      : Error(Kind::invalid_argument, what), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

struct MessageHead {
  std::string method, target;  // requests
  int status = 0;              // responses
  int version = 11;
  Headers headers;
  bool keep_alive = false, expect_continue = false;
};

class MessageReader {
 public:
  virtual ~MessageReader() = default;
  // True once the head is complete (and consumed). Throws MessageError.
  virtual bool parse_head(InputBuffer& in) = 0;
  virtual const MessageHead& head() const = 0;
  // Bytes of the body put into into; 0: needs more input, or done().
  virtual size_t parse_body(InputBuffer& in, std::span<char> into) = 0;
  virtual bool done() const = 0;
  // The peer closed: throws MessageError unless that may end the message.
  virtual void at_eof() = 0;
};

std::unique_ptr<MessageReader> read_request(size_t max_head_bytes);
// to_head: the answer to a HEAD request, which has no body whatever its head says.
std::unique_ptr<MessageReader> read_response(size_t max_head_bytes, bool to_head);

// "200 OK" -> "OK"; empty when unknown.
std::string_view reason_phrase(int status);

}  // namespace slipway::net
