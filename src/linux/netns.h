// Network namespaces pinned by a bind mount at a path, without a process in them. A namespace is
// only ever entered by a fresh thread that ends afterwards, never by the caller's.
#pragma once
#include <functional>
#include <string>

#include "base/fd.h"

namespace slipway::linux {

// Makes a namespace with loopback up and pins it at path (file and folder are made). Already
// pinned there: kept, returns false.
bool create_netns(const std::string& path);
// Unpins and removes the file; absent is fine. The namespace ends when its last user does.
void delete_netns(const std::string& path);
bool netns_exists(const std::string& path);
// A descriptor of a pinned namespace ("/proc/<pid>/ns/net" too).
Fd open_netns(const std::string& path);
// Runs fn inside, on a thread of its own; what fn throws comes out here.
void in_netns(const std::string& path, const std::function<void()>& fn);
void in_netns(int netns_fd, const std::function<void()>& fn);
// A listening TCP socket (IPv4 or IPv6 address text; port 0: any). The socket belongs to the
// calling thread's namespace; for another: in_netns around it, or the second form.
Fd listen_tcp_socket(const std::string& address, uint16_t port, int backlog = 128);
Fd listen_tcp_socket_in(const std::string& netns_path, const std::string& address, uint16_t port);

}  // namespace slipway::linux
