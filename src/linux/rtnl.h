// rtnetlink messages: build, send, await the answer. Only for links.cc and routes.cc.
#pragma once
#include <cstdint>
#include <functional>
#include <linux/rtnetlink.h>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace slipway::linux::rtnl {

class Message {
 public:
  Message(uint16_t type, uint16_t flags);
  template <typename T>
  void append(const T& header) {
    append_bytes(&header, sizeof header);
  }
  void put(uint16_t type, std::string_view bytes);
  void put_u32(uint16_t type, uint32_t value);
  void put_u8(uint16_t type, uint8_t value);
  void put_text(uint16_t type, std::string_view text);  // with the closing zero
  // Attributes put until end() lie inside this one.
  size_t begin(uint16_t type);
  void end(size_t begun);
  std::string_view finish(uint32_t sequence);

 private:
  void append_bytes(const void* data, size_t size);
  std::string bytes_;
};

// The attributes of a received message, by type; views into it.
using Attributes = std::vector<std::string_view>;
Attributes attributes(std::string_view bytes, size_t known);
uint32_t as_u32(std::string_view attribute);
std::string as_text(std::string_view attribute);

// One message as received.
struct Received {
  uint16_t type = 0;
  std::string_view body;  // behind the nlmsghdr
  template <typename T>
  std::optional<T> header() const {
    T value;
    if (body.size() < sizeof value) return std::nullopt;
    std::memcpy(&value, body.data(), sizeof value);
    return value;
  }
  template <typename T>
  std::string_view behind() const {
    return body.substr(std::min(body.size(), size_t{NLMSG_ALIGN(sizeof(T))}));
  }
};

class Socket {
 public:
  explicit Socket(int protocol = NETLINK_ROUTE);  // the calling thread's namespace
  // Sends and awaits the acknowledgement: 0 or an errno (message() then has the kernel's words).
  int request(Message& message);
  // Calls sink for each answer until the end; 0 or an errno.
  int query(Message& message, const std::function<void(const Received&)>& sink);
  const std::string& message() const { return message_; }

 private:
  int receive(const std::function<void(const Received&)>& sink);
  int finish_error(std::string_view body, bool capped);
  Fd fd_;
  uint32_t sequence_ = 0;
  std::string message_;
};

// An address of either family in network order (4 or 16 bytes). Throws Error(invalid_argument).
std::string address_bytes(std::string_view text);
std::string mac_bytes(std::string_view text);

}  // namespace slipway::linux::rtnl
