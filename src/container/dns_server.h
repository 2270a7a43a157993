// The name server that containers on networks of their own see at 127.0.0.11: it answers for the
// names of containers (DnsNames) and forwards everything else to the host's name servers, from the
// host's own namespace. One thread serves the sockets of all containers; those are opened within
// each container's network namespace, where port 53 is redirected to them, so that the container
// can still serve on port 53 itself. Thread-safe.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "container/dns_names.h"

namespace slipway::container {

inline constexpr const char* dns_address = "127.0.0.11";

class DnsServer {
 public:
  explicit DnsServer(const DnsNames& names);
  ~DnsServer();
  // servers: whom to ask what is not known here; empty: the host's (/etc/resolv.conf). Open
  // already: only the servers are set.
  void open(const std::string& container, const std::string& netns_path,
            const std::vector<std::string>& servers);
  void close(const std::string& container);  // absent is fine
  bool is_open(const std::string& container) const;

  // Name servers of a resolv.conf. Public for tests.
  static std::vector<std::string> servers_of(const std::string& resolv_conf);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::container
