// Listeners. Each has a default rule, which holds its default actions too.
#include "aws/page.h"
#include "base/ids.h"
#include "base/strings.h"
#include "elb/actions.h"
#include "elb/handlers.h"

namespace slipway::elb {
namespace {

void check_protocol(const std::string& protocol) {
  if (protocol == "HTTPS") {
    throw e::UnsupportedProtocolException(
        "HTTPS listeners are not supported by Slipway yet: use 'HTTP'");
  }
  if (protocol != "HTTP") {
    throw validation("Listener protocol '{}' must be one of 'HTTPS, HTTP'", protocol);
  }
}

void check_port(int32_t port) {
  if (port < 1 || port > 65535) throw validation("The port '{}' must be from 1 to 65535", port);
}

void check_port_free(const aws::Context& c, const std::string& balancer, int32_t port,
                     const std::string& own_arn) {
  for (auto& other : listeners.scan(*c.db, listeners_of(balancer))) {
    if (other->shape.Port == port && *other->shape.ListenerArn != own_arn) {
      throw e::DuplicateListenerException(
          "A listener already exists on this port for this load balancer '" + balancer + "'");
    }
  }
}

void refuse_tls(bool any) {
  if (any) {
    throw validation(
        "Certificates, SSL policies and mutual authentication need an HTTPS listener, "
        "which Slipway does not support yet");
  }
}

RuleRow default_rule(const ListenerRow& listener) {
  RuleRow rule;
  rule.shape.RuleArn = rules_of(*listener.shape.ListenerArn) + random_hex(16);
  rule.shape.Priority = "default";
  rule.shape.Conditions.emplace();
  rule.shape.Actions = listener.shape.DefaultActions;
  rule.shape.IsDefault = true;
  return rule;
}

}  // namespace

e::CreateListenerOutput create_listener(Elb&, aws::Context& c, const e::CreateListenerInput& in) {
  const auto balancer = need_load_balancer(c, *in.LoadBalancerArn);
  if (!in.Port) throw validation("A port must be specified");
  if (!in.Protocol) throw validation("A protocol must be specified");
  e::CreateListenerOutput out;
  const auto existing = listeners.scan(*c.db, listeners_of(*in.LoadBalancerArn));
  for (auto& known : existing) {
    if (!(known->asked == in)) continue;
    out.Listeners = {known->shape};
    return out;
  }
  check_protocol(*in.Protocol);
  check_port(*in.Port);
  refuse_tls(in.Certificates || in.SslPolicy || in.AlpnPolicy || in.MutualAuthentication);
  check_port_free(c, *in.LoadBalancerArn, *in.Port, "");
  if (existing.size() >= 50) {
    throw e::TooManyListenersException("A load balancer can have at most 50 listeners");
  }
  ListenerRow row;
  row.asked = in;
  row.tags = tags_of(in.Tags);
  row.shape.ListenerArn = listeners_of(*in.LoadBalancerArn) + random_hex(16);
  row.shape.LoadBalancerArn = in.LoadBalancerArn;
  row.shape.Port = in.Port;
  row.shape.Protocol = in.Protocol;
  row.shape.DefaultActions = checked_actions(*in.DefaultActions);
  listeners.put(*c.db, *row.shape.ListenerArn, row);
  put_rule(*c.db, default_rule(row));
  out.Listeners = {row.shape};
  return out;
}

e::DescribeListenersOutput describe_listeners(Elb&, aws::Context& c,
                                              const e::DescribeListenersInput& in) {
  std::vector<std::shared_ptr<const ListenerRow>> rows;
  if (in.LoadBalancerArn) {
    need_load_balancer(c, *in.LoadBalancerArn);
    rows = listeners.scan(*c.db, listeners_of(*in.LoadBalancerArn));
  } else if (in.ListenerArns && !in.ListenerArns->empty()) {
    for (auto& arn : *in.ListenerArns) rows.push_back(need_listener(c, arn));
  } else {
    throw validation("You must specify either listener ARNs or a load balancer ARN");
  }
  const auto page = aws::paginate(
      "elb.listeners", rows,
      [](const auto& row) -> const std::string& { return *row->shape.ListenerArn; }, in.Marker,
      static_cast<size_t>(in.PageSize.value_or(400)));
  e::DescribeListenersOutput out;
  out.Listeners.emplace();
  for (auto& row : page.items) out.Listeners->push_back(row->shape);
  out.NextMarker = page.next;
  return out;
}

e::ModifyListenerOutput modify_listener(Elb&, aws::Context& c, const e::ModifyListenerInput& in) {
  ListenerRow row = *need_listener(c, *in.ListenerArn);
  refuse_tls(in.Certificates || in.SslPolicy || in.AlpnPolicy || in.MutualAuthentication);
  if (in.Protocol) {
    check_protocol(*in.Protocol);
    row.shape.Protocol = in.Protocol;
  }
  if (in.Port) {
    check_port(*in.Port);
    check_port_free(c, *row.shape.LoadBalancerArn, *in.Port, *in.ListenerArn);
    row.shape.Port = in.Port;
  }
  if (in.DefaultActions) {
    row.shape.DefaultActions = checked_actions(*in.DefaultActions);
    for (auto& rule : sorted_rules(*c.db, *in.ListenerArn)) {
      if (!rule->shape.IsDefault.value_or(false)) continue;
      RuleRow changed = *rule;
      changed.shape.Actions = row.shape.DefaultActions;
      put_rule(*c.db, changed);
    }
  }
  listeners.put(*c.db, *in.ListenerArn, row);
  e::ModifyListenerOutput out;
  out.Listeners = {row.shape};
  return out;
}

e::DeleteListenerOutput delete_listener(Elb&, aws::Context& c, const e::DeleteListenerInput& in) {
  need_listener(c, *in.ListenerArn);
  for (auto& rule : rules.scan(*c.db, rules_of(*in.ListenerArn))) erase_rule(*c.db, *rule);
  listeners.erase(*c.db, *in.ListenerArn);
  return {};
}

e::DescribeListenerCertificatesOutput describe_listener_certificates(
    Elb&, aws::Context& c, const e::DescribeListenerCertificatesInput& in) {
  need_listener(c, *in.ListenerArn);
  e::DescribeListenerCertificatesOutput out;
  out.Certificates.emplace();  // an HTTP listener has none
  return out;
}

}  // namespace slipway::elb
