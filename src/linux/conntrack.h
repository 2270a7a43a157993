// The kernel's table of connections, as far as it must forget some: a datagram's flow keeps going
// where its first packet went, whatever is published since.
#pragma once
#include <cstddef>
#include <cstdint>

namespace slipway::linux {

// Forgets the UDP flows that were addressed to this port over IPv4 or IPv6, in the calling thread's
// namespace. Returns how many.
size_t forget_udp_flows(uint16_t port, bool ipv6 = false);

}  // namespace slipway::linux
