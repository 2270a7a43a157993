// What links.cc and routes.cc share.
#pragma once
#include "linux/links.h"
#include "linux/rtnl.h"

namespace slipway::linux {

struct Links::Impl {
  rtnl::Socket socket;

  // True: done; false: the kernel said `tolerated`; anything else throws.
  bool send(rtnl::Message& message, int tolerated, const std::string& what);
  std::optional<Link> find(const std::string& name);
  int index(const std::string& name);
  // A message that changes a link, ready for the attributes to change.
  rtnl::Message change(const std::string& name);
  void set_port_flag(const std::string& name, uint16_t flag, bool on, const std::string& what);
};

}  // namespace slipway::linux
