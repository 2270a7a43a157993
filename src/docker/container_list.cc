// GET /containers/json and its filters.
#include "base/error.h"
#include "base/strings.h"
#include "container/networks.h"
#include "docker/container_json.h"
#include "docker/disk.h"
#include "docker/filters.h"
#include "docker/handlers.h"

namespace slipway::docker {
namespace {

using container::Info;

template <typename Fits>
bool any_value(const Filters& filters, std::string_view key, Fits fits) {
  if (!filters.has(key)) return true;
  const auto& values = filters.values(key);
  return std::any_of(values.begin(), values.end(), fits);
}

// ancestor: the image itself, or one that it was built on.
bool descends_from(const Info& info, const std::string& ancestor, const Deps& deps) {
  const auto base = deps.images.find(ancestor);
  if (!base) return false;
  if (base->id == info.spec.image_id) return true;
  const auto image = deps.images.find(info.spec.image_id);
  if (!image || base->config.diff_ids.empty()) return false;
  const auto& below = base->config.diff_ids;
  const auto& all = image->config.diff_ids;
  return below.size() <= all.size() && std::equal(below.begin(), below.end(), all.begin());
}

bool exited_with(const Info& info, const std::string& code) {
  const auto number = parse_int(code);
  if (!number) throw invalid_argument("invalid filter 'exited={}'", code);
  return info.state.finished_at && info.state.status != container::Status::running &&
         info.state.exit_code == *number;
}

bool on_network(const Info& info, const std::string& network, const Deps& deps) {
  const auto found = deps.engine.networks().find(network);
  const std::string name = found ? found->name : network;
  const auto& all = info.spec.networks;
  return info.spec.network_mode == name ||
         std::any_of(all.begin(), all.end(),
                     [&](const auto& spec) { return spec.network == name; });
}

bool has_mount(const Info& info, const std::string& wanted) {
  return std::any_of(info.spec.mounts.begin(), info.spec.mounts.end(), [&](const auto& mount) {
    return mount.source == wanted || mount.target == wanted;
  });
}

bool fits(const Info& info, const Filters& filters, const Deps& deps) {
  const auto health = info.state.health.empty() ? "none" : info.state.health;
  return any_value(filters, "id", [&](const auto& id) { return info.id.starts_with(id); }) &&
         any_value(filters, "name", [&](const auto& n) { return name_fits(info.spec.name, n); }) &&
         filters.allows("status", to_string(info.state.status)) &&
         filters.allows("health", health) &&
         any_value(filters, "exited", [&](const auto& code) { return exited_with(info, code); }) &&
         any_value(filters, "network", [&](const auto& n) { return on_network(info, n, deps); }) &&
         any_value(filters, "volume", [&](const auto& v) { return has_mount(info, v); }) &&
         any_value(filters, "ancestor",
                   [&](const auto& image) { return descends_from(info, image, deps); }) &&
         filters.allows_labels(merged_labels(info, deps));
}

// publish=8080, expose=80/tcp or a range 8000-8010/udp, against a container's list of ports.
bool has_port(const Json& ports, const char* which, const std::string& wanted) {
  const auto [range, protocol] = split_once(wanted, '/');
  const auto [from_text, to_text] = split_once(range, '-');
  const auto from = parse_uint(from_text);
  const auto to = to_text.empty() ? from : parse_uint(to_text);
  if (!from || !to || *to < *from) throw invalid_argument("invalid filter: port '{}'", wanted);
  return std::any_of(ports.begin(), ports.end(), [&, &kind = protocol](const Json& port) {
    const auto number = port.value(which, uint64_t{0});
    return number >= *from && number <= *to &&
           port.value("Type", "tcp") == (kind.empty() ? "tcp" : kind);
  });
}

bool fits_ports(const Json& summary, const Filters& filters) {
  const auto& ports = summary.at("Ports");
  return any_value(filters, "publish",
                   [&](const auto& port) { return has_port(ports, "PublicPort", port); }) &&
         any_value(filters, "expose",
                   [&](const auto& port) { return has_port(ports, "PrivatePort", port); });
}

void check_status_values(const Filters& filters) {
  static const std::set<std::string> known = {"created",  "running", "paused", "restarting",
                                              "removing", "exited",  "dead"};
  for (const auto& status : filters.values("status")) {
    if (!known.contains(status)) throw invalid_argument("invalid filter 'status={}'", status);
  }
}

}  // namespace

void list_containers(Call& call) {
  const auto filters =
      Filters::parse(call.text("filters"),
                     {"id", "name", "status", "health", "exited", "network", "volume", "ancestor",
                      "label", "label!", "before", "since", "publish", "expose"});
  check_status_values(filters);
  const auto limit = call.number("limit").value_or(0);
  const bool all = call.flag("all") || limit > 0 || filters.has("status") || filters.has("exited");
  std::optional<TimePoint> before, since;
  for (const auto& name : filters.values("before")) {
    before = docker_container(call.deps, name).created;
  }
  for (const auto& name : filters.values("since"))
    since = docker_container(call.deps, name).created;

  auto containers = call.deps.engine.list();
  std::sort(containers.begin(), containers.end(),
            [](const Info& a, const Info& b) { return a.created > b.created; });
  Json out = Json::array();
  for (const auto& info : containers) {
    const auto status = info.state.status;
    const bool up = status == container::Status::running || status == container::Status::paused ||
                    status == container::Status::restarting;
    if (info.spec.owner != "docker" || (!all && !up)) continue;
    if ((before && info.created >= *before) || (since && info.created <= *since)) continue;
    if (!fits(info, filters, call.deps)) continue;
    auto json = container_summary(info, call.deps);
    if (!fits_ports(json, filters)) continue;
    if (call.flag("size")) add_sizes(call.deps, info, json);
    out.push_back(std::move(json));
    if (limit > 0 && out.size() >= static_cast<size_t>(limit)) break;
  }
  call.json(200, out);
}

}  // namespace slipway::docker
