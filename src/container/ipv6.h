// What IPv6 networks need of this machine.
#pragma once
#include <cstdint>
#include <string>

namespace slipway::container {

// Why this machine cannot have IPv6 networks; empty: it can.
std::string why_no_ipv6();
// Lets this machine forward IPv6. A machine that forwards no longer listens to the routers that it
// has its own routes from, unless told to: links that did go on doing so.
void forward_ipv6();
// A bridge and the links of containers take neither addresses nor routes from what comes over them.
// The calling thread's network namespace; names of links that exist.
void deaf_to_routers(const std::string& link);
// No IPv6 at all on a bridge. Where the machine has none: nothing to do.
void without_ipv6(const std::string& link);
// 40 bits that are this machine's own, for the addresses of its networks (RFC 4193).
uint64_t ula_global_id();

}  // namespace slipway::container
