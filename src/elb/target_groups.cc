// Target groups: name, protocol, health check settings.
#include "aws/page.h"
#include "base/ids.h"
#include "base/strings.h"
#include "elb/handlers.h"
#include "elb/matcher.h"

namespace slipway::elb {
namespace {

void check_name(const std::string& name) {
  if (name.empty() || name.size() > 32 || !only_alnum_and(name, "-")) {
    throw validation(
        "Target group name '{}' must have 1 to 32 characters: letters, digits and hyphens", name);
  }
  if (name.front() == '-' || name.back() == '-') {
    throw validation("Target group name '{}' must not begin or end with a hyphen", name);
  }
}

void refuse_unsupported(const e::CreateTargetGroupInput& in) {
  const std::string type = in.TargetType.value_or("instance");
  if (type != "ip" && type != "instance") {
    throw validation("Target groups of type '{}' are not supported by Slipway yet: use 'ip'", type);
  }
  const std::string protocol = in.Protocol.value_or("");
  if (protocol.empty()) throw validation("A protocol must be specified");
  if (protocol != "HTTP") {
    throw e::UnsupportedProtocolException(
        fmt::format("Target groups with the protocol '{}' are not supported by Slipway yet: use "
                    "'HTTP'",
                    protocol));
  }
  if (in.ProtocolVersion.value_or("HTTP1") != "HTTP1") {
    throw validation("The protocol version '{}' is not supported by Slipway yet: use 'HTTP1'",
                     *in.ProtocolVersion);
  }
  if (!in.Port) throw validation("A port must be specified");
  if (!in.VpcId) throw validation("A VPC ID must be specified");
  if (in.IpAddressType.value_or("ipv4") != "ipv4") {
    throw validation("The IP address type '{}' is not supported by Slipway yet: use 'ipv4'",
                     *in.IpAddressType);
  }
  if (in.TargetControlPort)
    throw validation("Target control ports are not supported by Slipway yet");
}

void check_range(const char* what, int32_t value, int32_t low, int32_t high) {
  if (value < low || value > high) {
    throw validation("{} '{}' must be between {} and {}", what, value, low, high);
  }
}

// The whole health check, after defaults or a change.
void check_health_settings(const e::TargetGroup& group) {
  if (group.HealthCheckProtocol != "HTTP" && group.HealthCheckProtocol != "TCP") {
    throw e::UnsupportedProtocolException(
        fmt::format("Health checks with the protocol '{}' are not supported by Slipway yet: use "
                    "'HTTP'",
                    *group.HealthCheckProtocol));
  }
  if (!*group.HealthCheckEnabled) {
    throw validation("Health check enabled must be true for target groups with target type '{}'",
                     *group.TargetType);
  }
  if (*group.HealthCheckPort != "traffic-port") {
    const auto port = parse_uint(*group.HealthCheckPort);
    if (!port || *port < 1 || *port > 65535) {
      throw validation("Health check port '{}' must be 'traffic-port' or a port from 1 to 65535",
                       *group.HealthCheckPort);
    }
  }
  check_range("Health check interval", *group.HealthCheckIntervalSeconds, 5, 300);
  check_range("Health check timeout", *group.HealthCheckTimeoutSeconds, 2, 120);
  check_range("Healthy threshold count", *group.HealthyThresholdCount, 2, 10);
  check_range("Unhealthy threshold count", *group.UnhealthyThresholdCount, 2, 10);
  if (*group.HealthCheckTimeoutSeconds >= *group.HealthCheckIntervalSeconds) {
    throw validation("Health check timeout '{}' must be smaller than the interval '{}'",
                     *group.HealthCheckTimeoutSeconds, *group.HealthCheckIntervalSeconds);
  }
  if (!group.HealthCheckPath) return;
  const auto& path = *group.HealthCheckPath;
  const bool printable =
      std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (path.empty() || path[0] != '/' || path.size() > 1024 || !printable) {
    throw validation("Health check path '{}' must be a URI path that begins with '/'", path);
  }
  if (!parse_matcher(group.Matcher->HttpCode.value_or(""))) {
    throw validation("Health check matcher HTTP code '{}' must be within '200-499'",
                     group.Matcher->HttpCode.value_or(""));
  }
}

e::TargetGroup new_shape(const aws::Context& c, const e::CreateTargetGroupInput& in) {
  e::TargetGroup group;
  group.TargetGroupArn =
      c.arn("elasticloadbalancing", "targetgroup/" + *in.Name + "/" + random_hex(16));
  group.TargetGroupName = in.Name;
  group.Protocol = in.Protocol;
  group.ProtocolVersion = "HTTP1";
  group.Port = in.Port;
  group.VpcId = in.VpcId;
  group.TargetType = in.TargetType.value_or("instance");
  group.IpAddressType = "ipv4";
  group.HealthCheckProtocol = in.HealthCheckProtocol.value_or("HTTP");
  group.HealthCheckPort = in.HealthCheckPort.value_or("traffic-port");
  group.HealthCheckEnabled = in.HealthCheckEnabled.value_or(true);
  group.HealthCheckIntervalSeconds = in.HealthCheckIntervalSeconds.value_or(30);
  group.HealthCheckTimeoutSeconds = in.HealthCheckTimeoutSeconds.value_or(5);
  group.HealthyThresholdCount = in.HealthyThresholdCount.value_or(5);
  group.UnhealthyThresholdCount = in.UnhealthyThresholdCount.value_or(2);
  if (group.HealthCheckProtocol == "HTTP") {
    group.HealthCheckPath = in.HealthCheckPath.value_or("/");
    group.Matcher = in.Matcher.value_or(e::Matcher{});
    if (!group.Matcher->HttpCode) group.Matcher->HttpCode = "200";
  }
  return group;
}

e::TargetGroup shown(const aws::Context& c, const TargetGroupRow& row) {
  e::TargetGroup out = row.shape;
  out.LoadBalancerArns = users_of(*c.db, *out.TargetGroupArn);
  return out;
}

std::shared_ptr<const TargetGroupRow> find_by_name(const aws::Context& c, const std::string& name) {
  for (auto& row :
       target_groups.scan(*c.db, c.arn("elasticloadbalancing", "targetgroup/" + name + "/"))) {
    return row;
  }
  return nullptr;
}

}  // namespace

e::CreateTargetGroupOutput create_target_group(Elb&, aws::Context& c,
                                               const e::CreateTargetGroupInput& in) {
  check_name(*in.Name);
  e::CreateTargetGroupOutput out;
  if (const auto known = find_by_name(c, *in.Name)) {
    if (!(known->asked == in)) {
      throw e::DuplicateTargetGroupNameException("A target group with the same name '" + *in.Name +
                                                 "' exists, but with different settings");
    }
    out.TargetGroups = {shown(c, *known)};
    return out;
  }
  refuse_unsupported(in);
  TargetGroupRow row;
  row.shape = new_shape(c, in);
  row.asked = in;
  row.tags = tags_of(in.Tags);
  check_health_settings(row.shape);
  target_groups.put(*c.db, *row.shape.TargetGroupArn, row);
  out.TargetGroups = {shown(c, row)};
  return out;
}

e::DescribeTargetGroupsOutput describe_target_groups(Elb&, aws::Context& c,
                                                     const e::DescribeTargetGroupsInput& in) {
  std::vector<std::shared_ptr<const TargetGroupRow>> rows;
  for (auto& arn : in.TargetGroupArns.value_or(std::vector<std::string>{})) {
    rows.push_back(need_target_group(c, arn));
  }
  for (auto& name : in.Names.value_or(std::vector<std::string>{})) {
    rows.push_back(find_by_name(c, name));
    if (!rows.back()) throw e::TargetGroupNotFoundException("One or more target groups not found");
  }
  if (!in.TargetGroupArns && !in.Names) {
    rows = target_groups.scan(*c.db, c.arn("elasticloadbalancing", "targetgroup/"));
  }
  if (in.LoadBalancerArn) {
    need_load_balancer(c, *in.LoadBalancerArn);
    std::erase_if(rows, [&](const auto& row) {
      const auto users = users_of(*c.db, *row->shape.TargetGroupArn);
      return std::find(users.begin(), users.end(), *in.LoadBalancerArn) == users.end();
    });
  }
  const auto page = aws::paginate(
      "elb.target_groups", rows,
      [](const auto& row) -> const std::string& { return *row->shape.TargetGroupArn; }, in.Marker,
      static_cast<size_t>(in.PageSize.value_or(400)));
  e::DescribeTargetGroupsOutput out;
  out.TargetGroups.emplace();
  for (auto& row : page.items) out.TargetGroups->push_back(shown(c, *row));
  out.NextMarker = page.next;
  return out;
}

e::ModifyTargetGroupOutput modify_target_group(Elb&, aws::Context& c,
                                               const e::ModifyTargetGroupInput& in) {
  TargetGroupRow row = *need_target_group(c, *in.TargetGroupArn);
  auto& shape = row.shape;
  const auto take = [](auto& into, const auto& from) {
    if (from) into = from;
  };
  take(shape.HealthCheckProtocol, in.HealthCheckProtocol);
  take(shape.HealthCheckPort, in.HealthCheckPort);
  take(shape.HealthCheckPath, in.HealthCheckPath);
  take(shape.HealthCheckEnabled, in.HealthCheckEnabled);
  take(shape.HealthCheckIntervalSeconds, in.HealthCheckIntervalSeconds);
  take(shape.HealthCheckTimeoutSeconds, in.HealthCheckTimeoutSeconds);
  take(shape.HealthyThresholdCount, in.HealthyThresholdCount);
  take(shape.UnhealthyThresholdCount, in.UnhealthyThresholdCount);
  take(shape.Matcher, in.Matcher);
  if (shape.HealthCheckProtocol == "TCP") {
    shape.HealthCheckPath.reset();
    shape.Matcher.reset();
  } else if (!shape.HealthCheckPath || !shape.Matcher) {
    shape.HealthCheckPath = shape.HealthCheckPath.value_or("/");
    shape.Matcher.emplace().HttpCode = "200";
  }
  check_health_settings(shape);
  target_groups.put(*c.db, *in.TargetGroupArn, row);
  e::ModifyTargetGroupOutput out;
  out.TargetGroups = {shown(c, row)};
  return out;
}

e::DeleteTargetGroupOutput delete_target_group(Elb&, aws::Context& c,
                                               const e::DeleteTargetGroupInput& in) {
  if (!target_groups.get(*c.db, *in.TargetGroupArn)) {
    if (in.TargetGroupArn->find(":targetgroup/") == std::string::npos) {
      throw validation("'{}' is not a valid target group ARN", *in.TargetGroupArn);
    }
    return {};  // already gone: fine, as on AWS
  }
  if (!users_of(*c.db, *in.TargetGroupArn).empty()) {
    throw e::ResourceInUseException("Target group '" + *in.TargetGroupArn +
                                    "' is currently in use by a listener or a rule");
  }
  for (auto& target : targets.scan(*c.db, target_prefix(*in.TargetGroupArn))) {
    targets.erase(*c.db, target_key(target->group, target->id, target->port));
  }
  target_groups.erase(*c.db, *in.TargetGroupArn);
  return {};
}

}  // namespace slipway::elb
