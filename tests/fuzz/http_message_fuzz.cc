// HTTP messages: the first byte says request or response and how the rest is cut into reads.
#include <algorithm>
#include <array>

#include "net/message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = (data[0] >> 1) + 1u;
  auto message = (data[0] & 1) != 0 ? slipway::net::read_request(4096)
                                    : slipway::net::read_response(4096, false);
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  slipway::net::InputBuffer in;
  std::array<char, 100> body;
  bool head = false;
  try {
    while (!rest.empty()) {
      in.append(rest.substr(0, piece));
      rest.remove_prefix(std::min(piece, rest.size()));
      if (!head) head = message->parse_head(in);
      while (head && message->parse_body(in, body) > 0) {
      }
      if (head && message->done()) return 0;
    }
    message->at_eof();
  } catch (const slipway::net::MessageError&) {
  }
  return 0;
}
