// Frontends: what happens to a request between the listener and its target group.
//
// Rules are tried in order; the first that matches decides. HAProxy itself runs all "http-request"
// lines before any "use_backend", so as soon as one rule answers by itself (redirect, fixed
// response) or throws dice (weights), the number of the matching rule is kept in txn.rule and
// everything after asks for that. Listeners whose rules all forward to one group need no variable.
#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "codec/hash.h"
#include "haproxy/escape.h"
#include "haproxy/render_parts.h"

namespace slipway::haproxy {
namespace {

// The name of the Host header, in lower case and without a port.
const std::string plain_host = "req.hdr(host),host_only,lower";

std::string both(const std::string& a, const std::string& b) {
  return a.empty() ? b : b.empty() ? a : a + " " + b;
}

bool plain_forward(const Action& action) {
  const auto* forward = std::get_if<Forward>(&action);
  return forward && forward->groups.size() == 1 && forward->groups[0].weight > 0;
}

// A listener within a frontend: guard is the condition that chooses it ("" when it is alone).
struct Scope {
  Text& out;
  const LoadBalancer& balancer;
  const Listener& listener;
  std::string prefix;  // of acl names
  std::string guard;
};

std::string return_line(Scope& s, int status, const std::string& type, std::string_view body) {
  std::string text = fmt::format("http-request return status {}", status);
  if (!body.empty()) {
    text += " content-type " + single_quoted(type.empty() ? "text/plain" : type) + " file " +
            s.out.file(body);
  }
  if (s.listener.server_header) text += " hdr Server 'awselb/2.0'";
  return text;
}

void render_fixed(Scope& s, const FixedResponse& fixed, const std::string& condition) {
  if (fixed.status < 200 || fixed.status > 599) {
    throw invalid_argument("{} is not a status of a fixed response", fixed.status);
  }
  s.out.line_if(return_line(s, fixed.status, fixed.content_type, fixed.body), condition);
}

void render_redirect(Scope& s, const Redirect& redirect, const std::string& condition) {
  if (redirect.status != 301 && redirect.status != 302) {
    throw invalid_argument("{} is not a status of a redirect", redirect.status);
  }
  const std::string head = return_line(s, redirect.status, "text/html", page(redirect.status));
  const auto location = [&](bool without_query) {
    return " hdr Location " +
           single_quoted(redirect_location(redirect, s.listener.port, without_query));
  };
  if (redirect.query == "#{query}") {  // no "?" when there is no query
    s.out.line_if(head + location(false), both(condition, "{ query -m found }"));
    s.out.line_if(head + location(true), condition);
  } else {
    s.out.line_if(head + location(false), condition);
  }
}

std::string group_token(const std::string& id) {
  return sha256_hex(id).substr(0, 16);
}

void render_weighted(Scope& s, const Forward& forward, const std::string& condition,
                     std::vector<std::string>& routes) {
  uint64_t total = 0;
  for (auto& group : forward.groups) total += group.weight;
  if (total == 0) {
    s.out.line_if(return_line(s, 503, "text/html", page(503)), condition);
    return;
  }
  if (total > 0x7fffffff) throw invalid_argument("target group weights are too large");
  if (forward.sticky) {
    for (auto& group : forward.groups) {
      if (group.weight == 0) continue;
      const auto token = group_token(group.group);
      s.out.line_if("http-request set-var(txn.group) str(" + token + ")",
                    both(condition, "{ req.cook(AWSALBTG) -m str " + token + " }"));
    }
  }
  s.out.line_if(fmt::format("http-request set-var(txn.dice) rand({})", total), condition);
  uint64_t below = 0;
  for (auto& group : forward.groups) {
    if (group.weight == 0) continue;
    below += group.weight;
    const auto token = group_token(group.group);
    s.out.line_if("http-request set-var(txn.group) str(" + token + ")",
                  both(condition, fmt::format("!{{ var(txn.group) -m found }} "
                                              "{{ var(txn.dice) -m int lt {} }}",
                                              below)));
    routes.push_back("use_backend " + backend_name(group.group) + " if " +
                     both(condition, "{ var(txn.group) -m str " + token + " }"));
  }
  if (forward.sticky) {
    // After the response: http-after-response cannot see request acls, the variables are enough.
    s.out.line_if(
        fmt::format("http-request set-var(txn.group_seconds) int({})", forward.sticky->count()),
        condition);
  }
}

// condition: when this action is the one. routes: use_backend lines, to stand after all others.
void render_action(Scope& s, const Action& action, const std::string& condition,
                   std::vector<std::string>& routes) {
  if (const auto* fixed = std::get_if<FixedResponse>(&action)) {
    render_fixed(s, *fixed, condition);
  } else if (const auto* redirect = std::get_if<Redirect>(&action)) {
    render_redirect(s, *redirect, condition);
  } else if (plain_forward(action)) {
    const auto& group = std::get<Forward>(action).groups[0].group;
    const std::string use = "use_backend " + backend_name(group);
    routes.push_back(condition.empty() ? "default_backend " + backend_name(group)
                                       : use + " if " + condition);
  } else {
    render_weighted(s, std::get<Forward>(action), condition, routes);
  }
}

bool needs_variable(const Listener& listener) {
  if (listener.rules.empty()) return false;
  return !plain_forward(listener.default_action) ||
         !std::all_of(listener.rules.begin(), listener.rules.end(),
                      [](const Rule& rule) { return plain_forward(rule.action); });
}

void render_rules(Scope& s, std::vector<std::string>& routes) {
  const auto& rules = s.listener.rules;
  const bool variable = needs_variable(s.listener);
  std::vector<std::string> conditions;
  for (size_t i = 0; i < rules.size(); ++i) {
    const std::string name = fmt::format("{}r{}", s.prefix, i);
    const std::string condition =
        both(s.guard, render_conditions(s.out, name, rules[i].conditions));
    conditions.push_back(variable ? fmt::format("{{ var(txn.rule) -m int {} }}", i + 1)
                                  : condition);
    if (!variable) continue;
    s.out.line_if(fmt::format("http-request set-var(txn.rule) int({})", i + 1),
                  both(condition, i == 0 ? "" : "!{ var(txn.rule) -m found }"));
  }
  for (size_t i = 0; i < rules.size(); ++i) {
    render_action(s, rules[i].action, both(s.guard, conditions[i]), routes);
  }
  const std::string otherwise = variable ? "!{ var(txn.rule) -m found }" : "";
  render_action(s, s.listener.default_action, both(s.guard, otherwise), routes);
}

void render_forwarded_for(Scope& s) {
  const auto& lb = s.balancer;
  if (lb.forwarded_for == ForwardedFor::preserve) return;
  if (lb.forwarded_for == ForwardedFor::remove) {
    s.out.line_if("http-request del-header X-Forwarded-For", s.guard);
    return;
  }
  const std::string client = lb.forwarded_for_port ? "%[src]:%[src_port]" : "%[src]";
  s.out.line_if(return_line(s, 463, "text/html", page(463)),
                both(s.guard, "{ req.hdr_cnt(X-Forwarded-For) gt 30 }"));
  // AWS appends to the one header line; to several lines a further one is added.
  s.out.line_if(
      "http-request set-header X-Forwarded-For '%[req.fhdr(X-Forwarded-For)], " + client + "'",
      both(s.guard, "{ req.fhdr_cnt(X-Forwarded-For) eq 1 }"));
  s.out.line_if("http-request add-header X-Forwarded-For '" + client + "'",
                both(s.guard, "!{ req.fhdr_cnt(X-Forwarded-For) eq 1 }"));
}

void render_headers(Scope& s) {
  const auto& lb = s.balancer;
  const std::string port = std::to_string(s.listener.port);
  if (lb.drop_invalid_headers) {
    s.out.line_if("http-request del-header '[^-A-Za-z0-9]' -m reg", s.guard);
  }
  render_forwarded_for(s);
  s.out.line_if("http-request set-header X-Forwarded-Proto http", s.guard);
  s.out.line_if("http-request set-header X-Forwarded-Port " + port, s.guard);
  if (lb.preserve_host) return;
  if (port == "80" || port == "443") {
    s.out.line_if("http-request set-header Host '%[" + plain_host + "]'",
                  both(s.guard, "{ req.hdr(host),port_only gt 0 }"));
  } else {
    s.out.line_if(
        "http-request set-header Host '%[" + plain_host + "]:" + port + "'",
        both(s.guard, "{ req.hdr(host) -m found } !{ req.hdr(host),port_only eq " + port + " }"));
  }
}

// What is the same for every balancer of a frontend. Each request pays for each line: numbers are
// compared, not texts, for which HAProxy would ask a cache first (bench/load_balancer.py).
void render_common(Text& out, bool host) {
  // A worker that a reload has replaced: see render_handover.
  out.line("http-request allow if { stopping }");
  out.line("http-request return status 405 content-type 'text/html' file " + out.file(page(405)) +
           " hdr Server 'awselb/2.0' if { method TRACE }");
  out.line("http-request return status 414 content-type 'text/html' file " + out.file(page(414)) +
           " hdr Server 'awselb/2.0' if { url,length gt 16384 }");
  if (host) out.line("http-request set-var(txn.host) " + plain_host);
  // Root is made when there is none; our own Self takes the place of another balancer's.
  const std::string digits = "%[rand,htonl,hex,lower]";  // eight
  const std::string fresh = "1-%[date,htonl,hex,lower]-" + digits + digits + digits;
  const std::string name = "X-Amzn-Trace-Id";
  out.line("acl rooted req.fhdr(" + name + ") -m reg '(?:^|;) *Root='");
  out.line("http-request replace-header " + name + " '^(.*;)?Self=[^;]*;?(.*)$' '\\1\\2'");
  out.line("http-request set-header " + name + " 'Self=" + fresh + ";%[req.fhdr(" + name +
           ")]' if rooted");
  out.line("http-request set-header " + name + " 'Root=" + fresh + "' if !rooted");
}

bool has_sticky_groups(const Listener& listener) {
  const auto sticky = [](const Action& action) {
    const auto* forward = std::get_if<Forward>(&action);
    return forward && forward->sticky && !plain_forward(action);
  };
  return sticky(listener.default_action) ||
         std::any_of(listener.rules.begin(), listener.rules.end(),
                     [&](const Rule& rule) { return sticky(rule.action); });
}

void render_group_cookie(Text& out) {
  out.line(
      "http-after-response add-header Set-Cookie "
      "'AWSALBTG=%[var(txn.group)]; Max-Age=%[var(txn.group_seconds)]; Path=/' "
      "if { var(txn.group_seconds) -m found }");
}

const Listener* listener_on(const LoadBalancer& balancer, uint16_t port) {
  for (auto& listener : balancer.listeners) {
    if (listener.port == port) return &listener;
  }
  return nullptr;
}

}  // namespace

void render_own_frontend(Text& out, const LoadBalancer& balancer, const Listener& listener) {
  out.section(fmt::format("frontend lb_{}_{}", checked_name(balancer.id), listener.port));
  out.line(fmt::format("bind {}:{}", checked_name(balancer.address), listener.port));
  out.line(fmt::format("timeout client {}s", balancer.idle_timeout.count()));
  out.line(fmt::format("timeout http-keep-alive {}s", balancer.idle_timeout.count()));
  render_common(out, asks_for_host(listener));
  Scope scope{out, balancer, listener, "", ""};
  render_headers(scope);
  std::vector<std::string> routes;
  render_rules(scope, routes);
  if (has_sticky_groups(listener)) render_group_cookie(out);
  out.line("use_backend handover if { stopping }");
  for (auto& route : routes) out.line(route);
}

void render_shared_frontend(Text& out, const std::vector<const LoadBalancer*>& balancers,
                            uint16_t port) {
  std::chrono::seconds idle{1};
  const bool alone = balancers.size() == 1;
  bool sticky = false, host = !alone;
  for (const auto* balancer : balancers) {
    idle = std::max(idle, balancer->idle_timeout);
    sticky = sticky || has_sticky_groups(*listener_on(*balancer, port));
    host = host || asks_for_host(*listener_on(*balancer, port));
  }
  out.section(fmt::format("frontend shared_{}", port));
  out.line(fmt::format("bind 127.0.0.1:{}", port));
  out.line(fmt::format("timeout client {}s", idle.count()));
  out.line(fmt::format("timeout http-keep-alive {}s", idle.count()));
  render_common(out, host);
  std::vector<std::string> routes;
  std::string names = "No load balancer has this name. Listening here:\r\n";
  for (size_t i = 0; !alone && i < balancers.size(); ++i) {
    out.line(
        fmt::format("http-request set-var(txn.balancer) int({}) if {{ var(txn.host) -m str {} }}",
                    i + 1, checked_name(to_lower(balancers[i]->dns_name))));
    names += "  " + balancers[i]->dns_name + "\r\n";
  }
  if (!alone) {
    out.line("http-request return status 404 content-type 'text/plain' file " + out.file(names) +
             " if !{ var(txn.balancer) -m found }");
  }
  for (size_t i = 0; i < balancers.size(); ++i) {
    const auto& balancer = *balancers[i];
    const std::string guard = alone ? "" : fmt::format("{{ var(txn.balancer) -m int {} }}", i + 1);
    Scope scope{out, balancer, *listener_on(balancer, port), fmt::format("b{}", i), guard};
    render_headers(scope);
    render_rules(scope, routes);
  }
  if (sticky) render_group_cookie(out);
  out.line("use_backend handover if { stopping }");
  for (auto& route : routes) out.line(route);
}

}  // namespace slipway::haproxy
