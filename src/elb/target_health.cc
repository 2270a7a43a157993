// RegisterTargets, DeregisterTargets, DescribeTargetHealth.
#include <arpa/inet.h>

#include "base/strings.h"
#include "ec2/network.h"
#include "elb/handlers.h"
#include "elb/shown_health.h"
#include "elb/targets.h"

namespace slipway::elb {
namespace {

struct Range {
  uint32_t network, mask;
};
constexpr Range private_ranges[] = {{0x0a000000, 0xff000000},
                                    {0xac100000, 0xfff00000},
                                    {0xc0a80000, 0xffff0000},
                                    {0x64400000, 0xffc00000}};

void check_ip(const std::string& text) {
  in_addr raw{};
  if (::inet_pton(AF_INET, text.c_str(), &raw) != 1) {
    throw validation("The IP address '{}' is not a valid IPv4 address", text);
  }
  const uint32_t address = ntohl(raw.s_addr);
  const bool known =
      std::any_of(std::begin(private_ranges), std::end(private_ranges),
                  [&](const Range& range) { return (address & range.mask) == range.network; });
  if (!known) {
    throw validation(
        "The IP address '{}' is not within the subnets of the VPC, 10.0.0.0/8, 172.16.0.0/12, "
        "192.168.0.0/16 or 100.64.0.0/10",
        text);
  }
}

uint16_t port_of(const TargetGroupRow& group, const e::TargetDescription& target) {
  const int32_t port = target.Port.value_or(*group.shape.Port);
  if (port < 1 || port > 65535) throw validation("The port '{}' must be from 1 to 65535", port);
  return static_cast<uint16_t>(port);
}

std::string check_port_of(const TargetGroupRow& group, uint16_t port) {
  const auto& setting = *group.shape.HealthCheckPort;
  return setting == "traffic-port" ? std::to_string(port) : setting;
}

e::TargetHealthDescription shown(const TargetGroupRow& group, const TargetRow& row) {
  e::TargetHealthDescription out;
  out.Target.emplace().Id = row.id;
  out.Target->Port = row.port;
  if (!row.zone.empty()) out.Target->AvailabilityZone = row.zone;
  out.HealthCheckPort = check_port_of(group, row.port);
  out.TargetHealth.emplace().State = row.state;
  if (!row.reason.empty()) {
    out.TargetHealth->Reason = row.reason;
    out.TargetHealth->Description = row.description;
  }
  return out;
}

}  // namespace

e::RegisterTargetsOutput register_targets(Elb&, aws::Context& c,
                                          const e::RegisterTargetsInput& in) {
  const auto group = need_target_group(c, *in.TargetGroupArn);
  if (in.Targets->empty()) throw validation("At least one target must be specified");
  if (group->shape.TargetType == "instance") {
    throw e::InvalidTargetException(
        "The following targets are not in a running state and cannot "
        "be registered: '" +
        in.Targets->front().Id.value_or("") + "'");
  }
  for (auto& target : *in.Targets) {
    check_ip(*target.Id);
    const uint16_t port = port_of(*group, target);
    register_target(*c.db, *in.TargetGroupArn, {*target.Id, port});
    if (!target.AvailabilityZone) continue;
    const std::string key = target_key(*in.TargetGroupArn, *target.Id, port);
    TargetRow row = *targets.get(*c.db, key);
    row.zone = *target.AvailabilityZone;
    targets.put(*c.db, key, row);
  }
  if (targets.scan(*c.db, target_prefix(*in.TargetGroupArn)).size() > 1000) {
    throw e::TooManyTargetsException("A target group can have at most 1000 targets");
  }
  return {};
}

e::DeregisterTargetsOutput deregister_targets(Elb&, aws::Context& c,
                                              const e::DeregisterTargetsInput& in) {
  const auto group = need_target_group(c, *in.TargetGroupArn);
  for (auto& target : *in.Targets) {
    // Without a port: every port that the id is registered with. Not registered: fine, as on AWS.
    for (auto& row : targets.scan(*c.db, target_prefix(*in.TargetGroupArn))) {
      if (row->id != *target.Id || (target.Port && row->port != port_of(*group, target))) continue;
      deregister_target(*c.db, *in.TargetGroupArn, {row->id, row->port});
    }
  }
  return {};
}

e::DescribeTargetHealthOutput describe_target_health(Elb&, aws::Context& c,
                                                     const e::DescribeTargetHealthInput& in) {
  const auto group = need_target_group(c, *in.TargetGroupArn);
  const bool in_use = target_group_in_use(*c.db, *in.TargetGroupArn);
  e::DescribeTargetHealthOutput out;
  out.TargetHealthDescriptions.emplace();
  if (!in.Targets || in.Targets->empty()) {
    for (auto& row : targets.scan(*c.db, target_prefix(*in.TargetGroupArn))) {
      out.TargetHealthDescriptions->push_back(shown(*group, shown_health(*row, in_use)));
    }
    return out;
  }
  for (auto& asked : *in.Targets) {
    const uint16_t port = port_of(*group, asked);
    const auto row = targets.get(*c.db, target_key(*in.TargetGroupArn, *asked.Id, port));
    TargetRow absent;
    absent.id = *asked.Id;
    absent.port = port;
    set_state(absent, "unused", "Target.NotRegistered");
    out.TargetHealthDescriptions->push_back(
        shown(*group, row ? shown_health(*row, in_use) : absent));
  }
  return out;
}

}  // namespace slipway::elb
