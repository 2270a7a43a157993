#include "elb/desired.h"

#include "base/strings.h"
#include "elb/attributes.h"

namespace slipway::elb {
namespace {

const std::vector<std::string>& list(const std::optional<std::vector<std::string>>& values) {
  static const std::vector<std::string> none;
  return values ? *values : none;
}

haproxy::Condition condition_of(const e::RuleCondition& in) {
  haproxy::Condition out;
  const std::string field = in.Field.value_or("");
  if (field == "host-header") {
    out.field = haproxy::Field::host;
    out.values = list(in.Values);
  } else if (field == "path-pattern") {
    out.field = haproxy::Field::path;
    out.values = list(in.Values);
  } else if (field == "http-header") {
    out.field = haproxy::Field::header;
    out.header_name = in.HttpHeaderConfig->HttpHeaderName.value_or("");
    out.values = list(in.HttpHeaderConfig->Values);
  } else if (field == "http-request-method") {
    out.field = haproxy::Field::method;
    out.values = list(in.HttpRequestMethodConfig->Values);
  } else if (field == "source-ip") {
    out.field = haproxy::Field::source_ip;
    out.values = list(in.SourceIpConfig->Values);
  } else {
    out.field = haproxy::Field::query;
    for (auto& pair : *in.QueryStringConfig->Values) {
      out.key_values.emplace_back(pair.Key, pair.Value.value_or(""));
    }
  }
  return out;
}

haproxy::Action action_of(const std::vector<e::Action>& actions) {
  const auto& action = actions.back();
  if (action.RedirectConfig) {
    const auto& config = *action.RedirectConfig;
    return haproxy::Redirect{config.StatusCode == "HTTP_301" ? 301 : 302,
                             *config.Protocol,
                             *config.Host,
                             *config.Port,
                             *config.Path,
                             *config.Query};
  }
  if (action.FixedResponseConfig) {
    const auto& config = *action.FixedResponseConfig;
    return haproxy::FixedResponse{
        static_cast<int>(parse_int(config.StatusCode.value_or("")).value_or(500)),
        config.ContentType.value_or("text/plain"), config.MessageBody.value_or("")};
  }
  haproxy::Forward forward;
  for (auto& tuple : *action.ForwardConfig->TargetGroups) {
    forward.groups.push_back(
        {short_name(*tuple.TargetGroupArn), static_cast<uint32_t>(tuple.Weight.value_or(1))});
  }
  const auto& sticky = action.ForwardConfig->TargetGroupStickinessConfig;
  if (sticky && sticky->Enabled.value_or(false)) {
    forward.sticky = seconds(sticky->DurationSeconds.value_or(86400));
  }
  return forward;
}

haproxy::Listener listener_of(const Snapshot& snapshot, const ListenerRow& row) {
  haproxy::Listener out;
  out.port = static_cast<uint16_t>(*row.shape.Port);
  out.default_action = action_of(*row.shape.DefaultActions);
  out.server_header =
      attribute(Holder::listener, row.attributes, "routing.http.response.server.enabled") == "true";
  const auto rules = snapshot.rules.find(*row.shape.ListenerArn);
  if (rules == snapshot.rules.end()) return out;
  for (auto& rule : rules->second) {
    if (rule->shape.IsDefault.value_or(false)) continue;
    haproxy::Rule made{{}, action_of(*rule->shape.Actions)};
    for (auto& condition : *rule->shape.Conditions) {
      made.conditions.push_back(condition_of(condition));
    }
    out.rules.push_back(std::move(made));
  }
  return out;
}

haproxy::LoadBalancer balancer_of(const Snapshot& snapshot, const LoadBalancerRow& row) {
  const auto value = [&](std::string_view key) {
    return attribute(Holder::load_balancer, row.attributes, key);
  };
  haproxy::LoadBalancer out;
  out.id = short_name(*row.shape.LoadBalancerArn);
  out.address = row.address;
  out.dns_name = *row.shape.DNSName;
  out.idle_timeout = seconds(
      number_attribute(Holder::load_balancer, row.attributes, "idle_timeout.timeout_seconds"));
  const std::string mode = value("routing.http.xff_header_processing.mode");
  out.forwarded_for = mode == "preserve" ? haproxy::ForwardedFor::preserve
                      : mode == "remove" ? haproxy::ForwardedFor::remove
                                         : haproxy::ForwardedFor::append;
  out.forwarded_for_port = value("routing.http.xff_client_port.enabled") == "true";
  out.preserve_host = value("routing.http.preserve_host_header.enabled") == "true";
  out.drop_invalid_headers = value("routing.http.drop_invalid_header_fields.enabled") == "true";
  const auto listeners = snapshot.listeners.find(*row.shape.LoadBalancerArn);
  if (listeners != snapshot.listeners.end()) {
    for (auto& listener : listeners->second) {
      out.listeners.push_back(listener_of(snapshot, *listener));
    }
  }
  return out;
}

haproxy::TargetGroup group_of(const TargetGroupRow& row, std::chrono::seconds idle_timeout) {
  const auto value = [&](std::string_view key) {
    return attribute(Holder::target_group, row.attributes, key);
  };
  haproxy::TargetGroup out;
  out.id = short_name(*row.shape.TargetGroupArn);
  const std::string algorithm = value("load_balancing.algorithm.type");
  out.algorithm = algorithm == "least_outstanding_requests"
                      ? haproxy::Algorithm::least_outstanding_requests
                  : algorithm == "weighted_random" ? haproxy::Algorithm::random
                                                   : haproxy::Algorithm::round_robin;
  if (value("stickiness.enabled") == "true") {
    out.sticky = seconds(number_attribute(Holder::target_group, row.attributes,
                                          "stickiness.lb_cookie.duration_seconds"));
  }
  out.idle_timeout = idle_timeout;
  return out;
}

std::vector<haproxy::Slot> slots_of(const TargetGroupRow& group,
                                    const std::vector<std::shared_ptr<const TargetRow>>& rows) {
  const std::string prefix = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.";
  const auto need = [&](const char* key) {
    return static_cast<size_t>(
        number_attribute(Holder::target_group, group.attributes, prefix + key));
  };
  const auto up = routed(rows, need("count"), need("percentage"));
  std::vector<haproxy::Slot> out;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (group.shape.TargetType == "ip") out.push_back({rows[i]->id, rows[i]->port, up[i]});
  }
  return out;
}

Check check_of(const TargetGroupRow& group, const TargetRow& row) {
  const auto& shape = group.shape;
  Check out;
  out.key = target_key(row.group, row.id, row.port);
  out.address = row.id;
  out.port = *shape.HealthCheckPort == "traffic-port"
                 ? row.port
                 : static_cast<uint16_t>(parse_uint(*shape.HealthCheckPort).value_or(0));
  out.http = shape.HealthCheckProtocol == "HTTP";
  out.path = shape.HealthCheckPath.value_or("/");
  if (shape.Matcher) {
    out.matcher = parse_matcher(shape.Matcher->HttpCode.value_or("")).value_or(Matcher{});
  }
  out.interval = seconds(*shape.HealthCheckIntervalSeconds);
  out.timeout = seconds(*shape.HealthCheckTimeoutSeconds);
  out.thresholds = {*shape.HealthyThresholdCount, *shape.UnhealthyThresholdCount};
  return out;
}

}  // namespace

std::string short_name(const std::string& arn) {
  const auto parts = split(arn, '/');
  if (parts.size() < 2) return arn;
  return parts[parts.size() - 2] + "." + parts.back();
}

Snapshot read_snapshot(const store::Reader& db) {
  Snapshot out;
  out.load_balancers = load_balancers.scan(db);
  for (auto& row : listeners.scan(db)) out.listeners[*row->shape.LoadBalancerArn].push_back(row);
  for (auto& [balancer, rows] : out.listeners) {
    for (auto& row : rows) {
      const auto& arn = *row->shape.ListenerArn;
      out.rules[arn] = sorted_rules(db, arn);
      for (auto& rule : out.rules[arn]) {
        for (auto& group : groups_of(*rule->shape.Actions)) out.users[group] = balancer;
      }
    }
  }
  for (auto& row : target_groups.scan(db)) out.groups[*row->shape.TargetGroupArn] = row;
  for (auto& row : targets.scan(db)) out.targets[row->group].push_back(row);
  return out;
}

Desired desired(const Snapshot& snapshot) {
  Desired out;
  std::map<std::string, std::chrono::seconds> idle_timeouts;
  for (auto& row : snapshot.load_balancers) {
    out.model.load_balancers.push_back(balancer_of(snapshot, *row));
    idle_timeouts[*row->shape.LoadBalancerArn] = out.model.load_balancers.back().idle_timeout;
  }
  for (auto& [arn, row] : snapshot.groups) {
    const auto user = snapshot.users.find(arn);
    if (user == snapshot.users.end()) continue;
    const auto idle = idle_timeouts.find(user->second);
    out.model.target_groups.push_back(
        group_of(*row, idle == idle_timeouts.end() ? seconds(60) : idle->second));
    const auto rows = snapshot.targets.find(arn);
    auto& slots = out.targets[short_name(arn)];
    if (rows == snapshot.targets.end()) continue;
    slots = slots_of(*row, rows->second);
    for (auto& target : rows->second) {
      if (target->state == "draining" || row->shape.TargetType != "ip") continue;
      out.checks.push_back(check_of(*row, *target));
    }
  }
  return out;
}

}  // namespace slipway::elb
