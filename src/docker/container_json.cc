#include "docker/container_json.h"

#include "base/error.h"
#include "base/strings.h"
#include "container/networks.h"
#include "container/record.h"
#include "docker/networks.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

using container::Info;
using container::Spec;
using container::Status;

std::string exposed(const container::PortBinding& port) {
  return fmt::format("{}/{}", port.container_port, port.protocol);
}

Json set_of(const std::vector<std::string>& keys) {
  Json out = Json::object();
  for (const auto& key : keys) out[key] = Json::object();
  return out;
}

Json null_if_empty(const std::vector<std::string>& list) {
  return list.empty() ? Json() : Json(list);
}

image::Config image_config(const Info& info, const Deps& deps) {
  const auto image = deps.images.find(info.spec.image_id);
  return image ? image->config : image::Config();  // removed by force since
}

// The name it was made with, unless that now names another image.
std::string shown_image(const Info& info, const Deps& deps) {
  const auto image = deps.images.find(info.spec.image);
  if (!image || image->id == info.spec.image_id) return info.spec.image;
  return info.spec.image_id;
}

std::vector<std::string> merged_env(const Spec& spec, const image::Config& config) {
  auto out = spec.env;
  for (const auto& entry : config.env) {
    const auto key = entry.substr(0, entry.find('=')) + "=";
    if (std::none_of(out.begin(), out.end(), [&](const auto& e) { return e.starts_with(key); })) {
      out.push_back(entry);
    }
  }
  return out;
}

Json health_config(const std::optional<image::HealthCheck>& check) {
  if (!check) return {};
  return {{"Test", check->test},
          {"Interval", check->interval_ns},
          {"Timeout", check->timeout_ns},
          {"StartPeriod", check->start_period_ns},
          {"StartInterval", check->start_interval_ns},
          {"Retries", check->retries}};
}

Json config_json(const Info& info, const Deps& deps) {
  const auto& spec = info.spec;
  const auto config = image_config(info, deps);
  const bool own_entrypoint = spec.entrypoint_set || !spec.entrypoint.empty();
  const auto& cmd = !spec.cmd.empty() || own_entrypoint ? spec.cmd : config.cmd;
  auto ports = set_of(spec.exposed_ports);
  ports.update(set_of(config.exposed_ports));
  for (const auto& port : spec.ports) ports[exposed(port)] = Json::object();
  Json out = {{"Hostname", spec.hostname.empty() ? info.id.substr(0, 12) : spec.hostname},
              {"Domainname", spec.domainname},
              {"User", spec.user.empty() ? config.user : spec.user},
              {"AttachStdin", spec.attach_stdin},
              {"AttachStdout", spec.attach_stdout},
              {"AttachStderr", spec.attach_stderr},
              {"Tty", spec.tty},
              {"OpenStdin", spec.open_stdin},
              {"StdinOnce", spec.stdin_once},
              {"Env", merged_env(spec, config)},
              {"Cmd", null_if_empty(cmd)},
              {"Entrypoint", null_if_empty(own_entrypoint ? spec.entrypoint : config.entrypoint)},
              {"Image", spec.image},
              {"Volumes", config.volumes.empty() ? Json() : set_of(config.volumes)},
              {"WorkingDir", spec.working_dir.empty() ? config.working_dir : spec.working_dir},
              {"OnBuild", nullptr},
              {"Labels", merged_labels(info, deps)}};
  if (!ports.empty()) out["ExposedPorts"] = ports;
  const auto& signal = spec.stop_signal.empty() ? config.stop_signal : spec.stop_signal;
  if (!signal.empty()) out["StopSignal"] = signal;
  if (spec.stop_timeout) out["StopTimeout"] = *spec.stop_timeout;
  const auto health = health_config(spec.health_check ? spec.health_check : config.health_check);
  if (!health.is_null()) out["Healthcheck"] = health;
  return out;
}

Json bindings_json(const std::vector<container::PortBinding>& ports) {
  Json out = Json::object();
  for (const auto& port : ports) {
    out[exposed(port)].push_back(
        {{"HostIp", port.host_ip.empty() ? "0.0.0.0" : port.host_ip},
         {"HostPort", port.host_port == 0 ? "" : std::to_string(port.host_port)}});
  }
  return out;
}

std::string network_name(const Spec& spec) {
  const auto& mode = spec.network_mode;
  return mode.empty() || mode == "default" ? "bridge" : mode;
}

// The names that a container has on a network of its user's making.
Json dns_names(const Info& info, const container::EndpointSpec& spec) {
  if (spec.network == "bridge") return {};
  std::vector<std::string> out = {info.spec.name};
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
  };
  for (const auto& alias : spec.aliases) add(alias);
  add(info.id.substr(0, 12));
  add(info.spec.hostname);
  return out;
}

Json endpoint_json(const Info& info, const container::EndpointSpec& spec) {
  container::Endpoint placed;  // empty unless it runs
  for (const auto& endpoint : info.endpoints) {
    if (endpoint.network == spec.network) placed = endpoint;
  }
  Json ipam;
  if (!spec.ipv4.empty()) ipam["IPv4Address"] = spec.ipv4;
  if (!spec.ipv6.empty()) ipam["IPv6Address"] = spec.ipv6;
  if (!spec.link_local.empty()) ipam["LinkLocalIPs"] = spec.link_local;
  return {{"IPAMConfig", ipam},
          {"Links", null_if_empty(spec.links)},
          {"Aliases", null_if_empty(spec.aliases)},
          {"MacAddress", placed.id.empty() ? spec.mac : placed.mac},
          {"NetworkID", spec.network_id},
          {"EndpointID", placed.id},
          {"Gateway", placed.gateway},
          {"IPAddress", placed.ip},
          {"IPPrefixLen", placed.prefix},
          {"IPv6Gateway", placed.gateway6},
          {"GlobalIPv6Address", placed.ip6},
          {"GlobalIPv6PrefixLen", placed.prefix6},
          {"GwPriority", spec.gateway_priority},
          {"DriverOpts", spec.driver_opts.empty() ? Json() : Json(spec.driver_opts)},
          {"DNSNames", dns_names(info, spec)}};
}

Json networks_of(const Info& info) {
  Json out = Json::object();
  const auto& mode = info.spec.network_mode;
  if (mode == "host" || mode == "none") {
    container::EndpointSpec spec;
    spec.network = mode;
    spec.network_id = network_id(mode);
    out[mode] = endpoint_json(info, spec);
    out[mode]["DNSNames"] = nullptr;
    if (info.state.pid != 0) out[mode]["EndpointID"] = network_id(info.id + mode);
  }
  for (const auto& spec : info.spec.networks) out[spec.network] = endpoint_json(info, spec);
  return out;
}

Json network_settings(const Info& info, const Json& config) {
  auto ports = bindings_json(info.ports);
  const auto all = config.value("ExposedPorts", Json::object());
  for (const auto& [port, unused] : all.items()) {
    if (!ports.contains(port)) ports[port] = nullptr;
  }
  if (info.endpoints.empty()) ports = Json::object();
  container::Endpoint first;  // the old members tell of the default bridge alone
  for (const auto& endpoint : info.endpoints) {
    if (endpoint.network == "bridge") first = endpoint;
  }
  return {{"Bridge", ""},
          {"SandboxID", ""},
          {"SandboxKey", ""},
          {"Ports", ports},
          {"HairpinMode", false},
          {"LinkLocalIPv6Address", ""},
          {"LinkLocalIPv6PrefixLen", 0},
          {"SecondaryIPAddresses", nullptr},
          {"SecondaryIPv6Addresses", nullptr},
          {"EndpointID", first.id},
          {"Gateway", first.gateway},
          {"GlobalIPv6Address", ""},
          {"GlobalIPv6PrefixLen", 0},
          {"IPAddress", first.ip},
          {"IPPrefixLen", first.prefix},
          {"IPv6Gateway", ""},
          {"MacAddress", first.mac},
          {"Networks", networks_of(info)}};
}

Json ports_list(const Info& info, const Deps& deps) {
  Json out = Json::array();
  if (info.endpoints.empty()) return out;
  std::set<std::string> bound;
  for (const auto& port : info.ports) {
    bound.insert(exposed(port));
    out.push_back({{"IP", port.host_ip.empty() ? "0.0.0.0" : port.host_ip},
                   {"PrivatePort", port.container_port},
                   {"PublicPort", port.host_port},
                   {"Type", port.protocol}});
  }
  auto others = image_config(info, deps).exposed_ports;
  others.insert(others.end(), info.spec.exposed_ports.begin(), info.spec.exposed_ports.end());
  for (const auto& text : others) {
    const auto [number, protocol] = split_once(text, '/');
    const auto port = parse_uint(number);
    if (!port || !bound.insert(text).second) continue;
    out.push_back({{"PrivatePort", *port}, {"Type", protocol.empty() ? "tcp" : protocol}});
  }
  return out;
}

std::string command_text(const Info& info) {
  std::string out = info.path;
  for (const auto& arg : info.args)
    out += arg.find(' ') == std::string::npos ? " " + arg : " '" + arg + "'";
  return out;
}

}  // namespace

std::map<std::string, std::string> merged_labels(const Info& info, const Deps& deps) {
  auto out = info.spec.labels;
  for (const auto& [key, value] : image_config(info, deps).labels) out.emplace(key, value);
  return out;
}

Json container_summary(const Info& info, const Deps& deps) {
  Json networks = networks_of(info);
  return {{"Id", info.id},
          {"Names", {"/" + info.spec.name}},
          {"Image", shown_image(info, deps)},
          {"ImageID", info.spec.image_id},
          {"Command", command_text(info)},
          {"Created", to_epoch_ms(info.created) / 1000},
          {"Ports", ports_list(info, deps)},
          {"Labels", merged_labels(info, deps)},
          {"State", to_string(info.state.status)},
          {"Status", status_text(info.state, deps.clock.now())},
          {"HostConfig", {{"NetworkMode", network_name(info.spec)}}},
          {"NetworkSettings", {{"Networks", networks}}},
          {"Mounts", mounts_json(info, deps)}};
}

Json container_details(const Info& info, const Deps& deps) {
  const auto config = config_json(info, deps);
  return {{"Id", info.id},
          {"Created", time_text(info.created)},
          {"Path", info.path},
          {"Args", info.args},
          {"State", state_json(info.state)},
          {"Image", info.spec.image_id},
          {"ResolvConfPath", ""},
          {"HostnamePath", ""},
          {"HostsPath", ""},
          {"LogPath", info.log_path},
          {"Name", "/" + info.spec.name},
          {"RestartCount", info.state.restart_count},
          {"Driver", "overlayfs"},
          {"Platform", "linux"},
          {"MountLabel", ""},
          {"ProcessLabel", ""},
          {"AppArmorProfile", ""},
          {"ExecIDs", null_if_empty(deps.engine.execs_of(info.id))},
          {"HostConfig", host_config_json(info.spec)},
          {"GraphDriver", {{"Name", "overlayfs"}, {"Data", nullptr}}},
          {"Mounts", mounts_json(info, deps)},
          {"Config", config},
          {"NetworkSettings", network_settings(info, config)}};
}

container::Info docker_container(const Deps& deps, const std::string& name_or_id) {
  auto info = deps.engine.inspect(name_or_id);
  // Builds' and tasks' containers belong to whoever made them.
  if (info.spec.owner != "docker") throw not_found("No such container: {}", name_or_id);
  return info;
}

}  // namespace slipway::docker
