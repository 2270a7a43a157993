// The rtnetlink socket.
#include "linux/rtnl.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/strings.h"

namespace slipway::linux::rtnl {
namespace {

constexpr size_t align(size_t n) {
  return (n + 3) & ~size_t{3};
}

}  // namespace

Message::Message(uint16_t type, uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST);
  append(header);
}

void Message::append_bytes(const void* data, size_t size) {
  bytes_.append(static_cast<const char*>(data), size);
  bytes_.resize(align(bytes_.size()));
}

void Message::put(uint16_t type, std::string_view bytes) {
  const rtattr header{static_cast<uint16_t>(sizeof(rtattr) + bytes.size()), type};
  append(header);
  append_bytes(bytes.data(), bytes.size());
}

void Message::put_u32(uint16_t type, uint32_t value) {
  put(type, {reinterpret_cast<const char*>(&value), sizeof value});
}

void Message::put_u8(uint16_t type, uint8_t value) {
  put(type, {reinterpret_cast<const char*>(&value), sizeof value});
}

void Message::put_text(uint16_t type, std::string_view text) {
  put(type, std::string(text) + '\0');
}

size_t Message::begin(uint16_t type) {
  const size_t at = bytes_.size();
  put(type, {});
  return at;
}

void Message::end(size_t begun) {
  const auto length = static_cast<uint16_t>(bytes_.size() - begun);
  std::memcpy(bytes_.data() + begun, &length, sizeof length);
}

std::string_view Message::finish(uint32_t sequence) {
  nlmsghdr header;
  std::memcpy(&header, bytes_.data(), sizeof header);
  header.nlmsg_len = static_cast<uint32_t>(bytes_.size());
  header.nlmsg_seq = sequence;
  std::memcpy(bytes_.data(), &header, sizeof header);
  return bytes_;
}

Attributes attributes(std::string_view bytes, size_t known) {
  Attributes found(known + 1);
  while (bytes.size() >= sizeof(rtattr)) {
    rtattr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > bytes.size()) break;
    const size_t type = header.rta_type & NLA_TYPE_MASK;
    if (type <= known) found[type] = bytes.substr(sizeof header, header.rta_len - sizeof header);
    bytes.remove_prefix(std::min(bytes.size(), align(header.rta_len)));
  }
  return found;
}

uint32_t as_u32(std::string_view attribute) {
  uint32_t value = 0;
  if (attribute.size() >= sizeof value) std::memcpy(&value, attribute.data(), sizeof value);
  return value;
}

std::string as_text(std::string_view attribute) {
  return std::string(attribute.substr(0, attribute.find('\0')));
}

Socket::Socket(int protocol)
    : fd_(check(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), "netlink socket")) {
  const int on = 1;
  ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  check(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
        "bind the rtnetlink socket");
}

int Socket::request(Message& message) {
  return query(message, [](const Received&) {});
}

int Socket::query(Message& message, const std::function<void(const Received&)>& sink) {
  message_.clear();
  const auto bytes = message.finish(++sequence_);
  check(::send(fd_.get(), bytes.data(), bytes.size(), 0), "send an rtnetlink message");
  return receive(sink);
}

// NLMSG_ERROR: int error, the original header (and body unless capped), then the kernel's words.
int Socket::finish_error(std::string_view body, bool capped) {
  if (body.size() < sizeof(nlmsgerr)) return EBADMSG;
  nlmsgerr error;
  std::memcpy(&error, body.data(), sizeof error);
  const size_t original = capped ? sizeof(nlmsghdr) : align(error.msg.nlmsg_len);
  const size_t offset = sizeof error.error + original;
  if (error.error != 0 && offset < body.size())
    message_ = as_text(attributes(body.substr(offset), NLMSGERR_ATTR_MSG)[NLMSGERR_ATTR_MSG]);
  return -error.error;
}

int Socket::receive(const std::function<void(const Received&)>& sink) {
  std::string buffer(128 * 1024, '\0');
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    check(n, "receive from rtnetlink");
    std::string_view left(buffer.data(), static_cast<size_t>(n));
    while (left.size() >= sizeof(nlmsghdr)) {
      nlmsghdr header;
      std::memcpy(&header, left.data(), sizeof header);
      if (header.nlmsg_len < sizeof header || header.nlmsg_len > left.size()) break;
      const auto body = left.substr(sizeof header, header.nlmsg_len - sizeof header);
      left.remove_prefix(std::min(left.size(), align(header.nlmsg_len)));
      if (header.nlmsg_seq != sequence_) continue;  // of an earlier, abandoned question
      if (header.nlmsg_type == NLMSG_DONE) return 0;
      if (header.nlmsg_type == NLMSG_ERROR)
        return finish_error(body, (header.nlmsg_flags & NLM_F_CAPPED) != 0);
      sink(Received{header.nlmsg_type, body});
    }
  }
}

std::string address_bytes(std::string_view text) {
  const std::string copy(text);
  char bytes[16];
  if (::inet_pton(AF_INET, copy.c_str(), bytes) == 1) return std::string(bytes, 4);
  if (::inet_pton(AF_INET6, copy.c_str(), bytes) == 1) return std::string(bytes, 16);
  throw invalid_argument("not an IP address: {}", text);
}

std::string mac_bytes(std::string_view text) {
  std::string bytes;
  for (const auto& part : split(text, ':')) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, 16);
    if (part.empty() || part.size() > 2 || error != std::errc{} || end != part.data() + part.size())
      break;
    bytes += static_cast<char>(value);
  }
  if (bytes.size() != 6) throw invalid_argument("not a MAC address: {}", text);
  return bytes;
}

}  // namespace slipway::linux::rtnl
