// Which of a container's networks its way out leads through, for each family.
#include "container/network.h"

namespace slipway::container {

const Dataplane::Placed* Dataplane::gateway_of(const Member& member, bool ipv6) {
  const Placed* best = nullptr;
  for (const auto& [id, placed] : member.endpoints) {
    if (placed.internal || placed.leaving) continue;
    if (ipv6 && placed.endpoint.ip6.empty()) continue;
    const bool better =
        best == nullptr || placed.priority > best->priority ||
        (placed.priority == best->priority && placed.endpoint.network < best->endpoint.network);
    if (better) best = &placed;
  }
  return best;
}

std::string Dataplane::default_gateway(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto member = members_.find(id);
  const Placed* gateway = member == members_.end() ? nullptr : gateway_of(member->second);
  return gateway == nullptr ? "" : gateway->endpoint.gateway;
}

void Dataplane::settle(const std::string& id) {
  Endpoint way, way6;
  std::string before, before6;
  {
    const std::lock_guard lock(mutex_);
    const auto found = members_.find(id);
    if (found == members_.end()) return;
    move_ports(id, found->second);
    if (const Placed* gateway = gateway_of(found->second)) way = gateway->endpoint;
    if (const Placed* gateway = gateway_of(found->second, true)) way6 = gateway->endpoint;
    before = std::exchange(found->second.routed_by, way.gateway);
    before6 = std::exchange(found->second.routed6_by, way6.gateway6);
  }
  if (before == way.gateway && before6 == way6.gateway6) return;
  linux::Links inside(netns_path(id));
  const auto lead = [&](const std::string& old, const std::string& via, const Endpoint& endpoint) {
    if (old == via) return;
    if (!old.empty()) inside.remove_route({.destination = "default", .via = old});
    if (!via.empty())
      inside.add_route({.destination = "default", .via = via, .device = endpoint.interface});
  };
  lead(before, way.gateway, way);
  lead(before6, way6.gateway6, way6);
}

}  // namespace slipway::container
