// The configuration as a whole: process, defaults, target groups. Frontends: render_frontend.cc.
#include "haproxy/render.h"

#include <fmt/format.h>

#include "base/error.h"
#include "codec/hash.h"
#include "haproxy/escape.h"
#include "haproxy/render_parts.h"

namespace slipway::haproxy {

std::string reason(int status) {
  static const std::map<int, std::string> known = {
      {301, "Moved Permanently"},     {302, "Found"},
      {400, "Bad Request"},           {405, "Not Allowed"},
      {408, "Request Time-out"},      {414, "Request-URI Too Large"},
      {500, "Internal Server Error"}, {502, "Bad Gateway"},
      {504, "Gateway Time-out"},      {503, "Service Temporarily Unavailable"}};
  const auto found = known.find(status);
  return found == known.end() ? std::string("Error") : found->second;
}

std::string page(int status) {
  const std::string title = fmt::format("{} {}", status, reason(status));
  return "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
         "</h1></center>\r\n</body>\r\n</html>\r\n";
}

std::string Text::file(std::string_view bytes) {
  const std::string name = "body-" + sha256_hex(bytes).substr(0, 24);
  files.emplace(name, bytes);
  return single_quoted(options.files_directory + "/" + name);
}

std::string backend_name(const std::string& target_group_id) {
  return "tg_" + checked_name(target_group_id);
}

std::string server_name(size_t slot) {
  return fmt::format("s{}", slot + 1);
}

namespace {

void render_process(Text& out, const std::string& structure) {
  out.lines += "# Written by Slipway; changes are overwritten.\nglobal\n";
  out.line("description " + structure);
  out.line(fmt::format("nbthread {}", std::clamp(out.options.threads, 1, 64)));
  if (!out.options.user.empty()) out.line("user " + checked_name(out.options.user));
  if (!out.options.group.empty()) out.line("group " + checked_name(out.options.group));
  out.line(fmt::format("maxconn {}", std::max(out.options.max_connections, 100)));
  // Room for AWS's 64 K of request headers; buffers live only as long as a request needs them.
  out.line("tune.bufsize 69632");
  out.line("tune.maxrewrite 4096");
  out.line("tune.http.maxhdr 512");
  // A worker that was replaced may finish what it serves, but not for ever.
  out.line("hard-stop-after 70m");
  out.line("mworker-max-reloads 64");
}

// HAProxy's own errors in AWS's clothes. It says 503 when a connection to a target fails, which is
// 502 on AWS; "no target" is answered by render_nobody.
void render_errors(Text& out) {
  for (const auto& [code, status] :
       std::map<int, int>{{400, 400}, {408, 408}, {500, 500}, {502, 502}, {503, 502}, {504, 504}}) {
    const std::string body = page(status);
    const std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nServer: awselb/2.0\r\nContent-Type: text/html\r\n"
        "Content-Length: {}\r\nConnection: close\r\n\r\n",
        status, reason(status), body.size());
    out.line(fmt::format("errorfile {} ", code) + out.file(head + body));
  }
}

void render_defaults(Text& out) {
  out.section("defaults");
  out.line("mode http");
  out.line("option http-ignore-probes");
  // After a reload, an idle client connection is closed with its next answer, not under its feet.
  out.line("option idle-close-on-response");
  out.line("option redispatch 1");
  out.line("retries 2");
  out.line("timeout client 60s");
  out.line("timeout server 60s");
  out.line("timeout connect 10s");
  out.line("timeout http-request 60s");
  out.line("timeout queue 10s");
  render_errors(out);
}

std::string nobody(const Text& out) {
  return single_quoted("unix@" + out.options.files_directory + "/nobody.sock");
}

// A worker that a reload has replaced cannot be told about targets any more, but idle connections
// of clients may bring it one more request. It passes that on, as it came, to its successor, which
// listens where the client had connected to ("*").
void render_handover(Text& out, const Model& model) {
  std::chrono::seconds idle{60};
  for (auto& balancer : model.load_balancers) idle = std::max(idle, balancer.idle_timeout);
  out.section("backend handover");
  out.line(fmt::format("timeout server {}s", idle.count() + 5));
  out.line(fmt::format("timeout tunnel {}s", idle.count() + 5));
  out.line("server successor *");
}

void render_group(Text& out, const TargetGroup& group, bool with_targets) {
  out.section("backend " + backend_name(group.id));
  switch (group.algorithm) {
    case Algorithm::round_robin:
      out.line("balance roundrobin");
      break;
    case Algorithm::least_outstanding_requests:
      out.line("balance leastconn");
      break;
    case Algorithm::random:
      out.line("balance random");
      break;
  }
  out.line(fmt::format("timeout server {}s", group.idle_timeout.count()));
  out.line(fmt::format("timeout tunnel {}s", group.idle_timeout.count()));
  if (group.sticky) {
    // The value is a keyed digest of the target's address: it survives reloads and moved slots.
    out.line(
        fmt::format("cookie AWSALB insert indirect dynamic maxlife {}s", group.sticky->count()));
    out.line("dynamic-cookie-key " + sha256_hex(group.id).substr(0, 32));
  }
  for (size_t i = 0; i < group.slots.size(); ++i) {
    const auto& slot = group.slots[i];
    if (!with_targets || slot.address.empty()) {
      out.line("server " + server_name(i) + " 0.0.0.0:1 disabled");
    } else {
      out.line(fmt::format("server {} {}:{}{}", server_name(i), checked_name(slot.address),
                           slot.port, slot.up ? "" : " disabled"));
    }
  }
  out.line("server none " + nobody(out) + " backup");
  // A client must not stick to the answer "nobody".
  if (group.sticky) out.line("http-after-response del-header Set-Cookie if { srv_name none }");
}

// Answers for a group without a usable target. A backup server, not a rule on nbsrv: HAProxy counts
// its servers anew at every change, and another thread may read that count while it is still 0.
void render_nobody(Text& out) {
  out.section("frontend nobody");
  const std::string& user = out.options.user;
  out.line("bind " + nobody(out) + " mode 600" + (user.empty() ? "" : " user " + user));
  out.line("http-request return status 503 content-type 'text/html' file " + out.file(page(503)) +
           " hdr Server 'awselb/2.0'");
}

std::string render_text(const Model& model, Text& out, const std::string& structure,
                        bool with_targets) {
  render_process(out, structure);
  render_defaults(out);
  render_handover(out, model);
  if (!model.target_groups.empty()) render_nobody(out);
  std::set<uint16_t> ports;
  for (auto& balancer : model.load_balancers) {
    for (auto& listener : balancer.listeners) {
      render_own_frontend(out, balancer, listener);
      ports.insert(listener.port);
    }
  }
  for (const uint16_t port : ports) {
    if (!model.shared_ports.contains(port)) continue;
    std::vector<const LoadBalancer*> sharing;
    for (auto& balancer : model.load_balancers) {
      const bool listens = std::any_of(balancer.listeners.begin(), balancer.listeners.end(),
                                       [&](const Listener& l) { return l.port == port; });
      if (listens) sharing.push_back(&balancer);
    }
    render_shared_frontend(out, sharing, port);
  }
  for (auto& group : model.target_groups) render_group(out, group, with_targets);
  return out.lines;
}

}  // namespace

Rendered render(const Model& model, const RenderOptions& options) {
  Text blank{options, {}, {}};
  const std::string structure =
      sha256_hex(render_text(model, blank, "structure", false)).substr(0, 32);
  Text full{options, {}, {}};
  std::string config = render_text(model, full, structure, true);
  return {std::move(config), std::move(full.files), structure};
}

}  // namespace slipway::haproxy
