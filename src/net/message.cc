// Beast 1.81 asserts that the last chunk and what follows it arrive in at least five bytes, and
// would abort on a legitimate "0\r\n" "\r" "\n". It handles that well without the assertion.
#define BOOST_DISABLE_ASSERTS
#include "net/message.h"

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>

#include "base/strings.h"

namespace slipway::net {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::beast::error_code;

// Lines between chunks (sizes, extensions, trailers) may not be longer than this.
constexpr size_t kMaxChunkLine = 16 * 1024;

template <bool is_request>
class Reader : public MessageReader {
 public:
  Reader(size_t max_head_bytes, bool to_head) : max_head_(max_head_bytes) {
    parser_.header_limit(static_cast<uint32_t>(max_head_bytes));
    parser_.body_limit(boost::none);
    if (to_head) parser_.skip(true);
  }

  bool parse_head(InputBuffer& in) override {
    // Empty lines before a request are to be ignored (RFC 9112, 2.2).
    if constexpr (is_request) {
      while (in.view().starts_with("\r\n")) in.consume(2);
    }
    ErrorCode ec;
    while (!parser_.is_header_done() && in.size() > 0) {
      const auto view = in.view();
      const size_t n = parser_.put(boost::asio::const_buffer(view.data(), view.size()), ec);
      in.consume(n);
      if (ec == http::error::need_more) {
        if (in.size() > max_head_) throw MessageError(431, "the request head is too large");
        return false;
      }
      if (ec) fail(ec);
    }
    if (!parser_.is_header_done()) return false;
    take_head();
    return true;
  }

  const MessageHead& head() const override { return head_; }

  size_t parse_body(InputBuffer& in, std::span<char> into) override {
    auto& body = parser_.get().body();
    body.data = into.data();
    body.size = into.size();
    ErrorCode ec;
    while (!parser_.is_done() && in.size() > 0 && body.size == into.size()) {
      const auto view = in.view();
      const size_t n = parser_.put(boost::asio::const_buffer(view.data(), view.size()), ec);
      in.consume(n);
      if (ec == http::error::need_more) {
        if (in.size() > kMaxChunkLine) throw MessageError(400, "a chunk header is too long");
        break;
      }
      if (ec && ec != http::error::need_buffer) fail(ec);
    }
    return into.size() - body.size;
  }

  bool done() const override { return parser_.is_done(); }

  void at_eof() override {
    if (!parser_.got_some()) throw MessageError(400, "the connection was closed without a message");
    ErrorCode ec;
    parser_.put_eof(ec);
    if (ec) fail(ec);
  }

 private:
  [[noreturn]] static void fail(ErrorCode ec) {
    const bool too_large = ec == http::error::header_limit || ec == http::error::buffer_overflow;
    throw MessageError(too_large ? 431 : 400, "malformed HTTP message: " + ec.message());
  }

  // Beast takes "chunked, nonsense" for chunked and "gzip" for no body at all; whoever stands
  // before us may not agree. We know one encoding.
  static void check_transfer_encoding(const MessageHead& head) {
    const auto encodings = head.headers.all("Transfer-Encoding");
    if (encodings.empty()) return;
    if (encodings.size() > 1 || !iequals(trim(encodings[0]), "chunked") || head.version < 11) {
      throw MessageError(400, "malformed HTTP message: unsupported Transfer-Encoding");
    }
  }

  void take_head() {
    const auto& message = parser_.get();
    head_.version = static_cast<int>(message.version());
    if constexpr (is_request) {
      head_.method = std::string(message.method_string());
      head_.target = std::string(message.target());
    } else {
      head_.status = static_cast<int>(message.result_int());
    }
    for (const auto& field : message) {
      head_.headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    check_transfer_encoding(head_);
    head_.keep_alive = parser_.keep_alive();
    head_.expect_continue =
        message.version() >= 11 && iequals(head_.headers.get("Expect"), "100-continue");
  }

  http::parser<is_request, http::buffer_body> parser_;
  size_t max_head_;
  MessageHead head_;
};

}  // namespace

std::unique_ptr<MessageReader> read_request(size_t max_head_bytes) {
  return std::make_unique<Reader<true>>(max_head_bytes, false);
}

std::unique_ptr<MessageReader> read_response(size_t max_head_bytes, bool to_head) {
  return std::make_unique<Reader<false>>(max_head_bytes, to_head);
}

std::string_view reason_phrase(int status) {
  const auto text = http::obsolete_reason(static_cast<http::status>(status));
  return {text.data(), text.size()};
}

}  // namespace slipway::net
