// docker network connect and disconnect: a running container at once, another at its next start.
#include "container/impl.h"

namespace slipway::container {
namespace {

void check_can_change(const Record& record) {
  const std::string& mode = record.info.spec.network_mode;
  if (record.info.state.status == Status::removing || record.info.state.status == Status::dead)
    throw conflict("Container {} is marked for removal and cannot be connected or disconnected",
                   record.info.id);
  if (mode == "host")
    throw forbidden(
        "container cannot be disconnected from host network or connected to host network");
  if (mode == "none")
    throw forbidden(
        "container cannot be connected to multiple networks with one of the networks in private "
        "(none) mode");
  if (!has_endpoints(mode))
    throw forbidden(
        "container sharing network namespace with another container or host cannot be connected to "
        "any other network");
}

bool is_network(const EndpointSpec& endpoint, const std::string& id, const std::string& name) {
  return endpoint.network_id.empty() ? endpoint.network == name : endpoint.network_id == id;
}

}  // namespace

// After a change: files, ports and the record.
void Engine::Impl::networks_changed(Container& container, std::vector<Endpoint> endpoints,
                                    const std::vector<EndpointSpec>& specs) {
  Record record = container.snapshot();
  record.info.spec.networks = specs;
  Joined joined{std::move(endpoints), network.published(container.id),
                network.default_gateway(container.id)};
  const bool running = is_up(record.info.state.status);
  if (running) {
    const std::string& given = record.info.spec.hostname;
    write_network_files(record, given.empty() ? container.id.substr(0, 12) : given, joined);
  }
  container.update([&](Record& r) {
    r.info.spec.networks = specs;
    if (running) set_endpoints(r.info, joined.endpoints, joined.ports);
  });
  save(container);
}

void Engine::Impl::connect(const ContainerPtr& container, const EndpointSpec& wanted) {
  const Record record = container->snapshot();
  check_can_change(record);
  const NetworkInfo target = networks.get(wanted.network);
  if (!target.is_bridge() && !target.config_only)
    throw forbidden("container cannot be disconnected from {0} network or connected to {0} network",
                    target.name);
  const EndpointSpec endpoint = resolve_endpoint(wanted);
  auto specs = record.info.spec.networks;
  for (const EndpointSpec& known : specs) {
    if (is_network(known, target.id, target.name))
      throw forbidden("endpoint with name {} already exists in network {}", record.info.spec.name,
                      target.name);
  }
  specs.push_back(endpoint);
  if (!is_up(record.info.state.status)) return networks_changed(*container, {}, specs);
  Record changed = record;
  changed.info.spec.networks = specs;
  Endpoint placed;
  try {
    placed = network.attach(container->id, endpoint);
    publish_names(changed, placed);
    if (target.has_names())
      dns.open(container->id, network.netns_path(container->id), record.info.spec.dns);
    network.settle(container->id);
    network.publish(container->id, record.info.spec.name, record.info.spec.ports);
    changed.info.endpoints.push_back(placed);
    networks_changed(*container, changed.info.endpoints, specs);
  } catch (const std::exception&) {
    dns_names.erase(container->id, target.id);
    network.detach(container->id, target.id);
    network.settle(container->id);
    throw;
  }
  network_event(placed, container->id, "connect");
}

void Engine::Impl::disconnect(const ContainerPtr& container, const std::string& name) {
  const Record record = container->snapshot();
  check_can_change(record);
  const auto target = networks.find(name);
  const std::string id = target ? target->id : name, shown = target ? target->name : name;
  auto specs = record.info.spec.networks;
  const size_t before = specs.size();
  std::erase_if(specs, [&](const auto& known) {
    return is_network(known, id, shown) || known.network == shown;
  });
  if (specs.size() == before)
    throw forbidden("container {} is not connected to network {}", record.info.id, shown);
  if (!is_up(record.info.state.status)) return networks_changed(*container, {}, specs);
  auto endpoints = record.info.endpoints;
  const auto placed = std::find_if(endpoints.begin(), endpoints.end(), [&](const Endpoint& e) {
    return e.network_id == id || e.network == shown;
  });
  if (placed == endpoints.end()) return networks_changed(*container, endpoints, specs);
  const Endpoint gone = *placed;
  endpoints.erase(placed);
  dns_names.erase(container->id, gone.network_id);
  network.detach(container->id, gone.network_id);
  network.settle(container->id);
  networks_changed(*container, endpoints, specs);
  network_event(gone, container->id, "disconnect");
}

void Engine::connect(const std::string& id, const EndpointSpec& endpoint) {
  const auto container = impl_->get(id);
  const std::lock_guard operation(container->operation);
  impl_->connect(container, endpoint);
}

void Engine::disconnect(const std::string& id, const std::string& network) {
  const auto container = impl_->get(id);
  const std::lock_guard operation(container->operation);
  impl_->disconnect(container, network);
}

}  // namespace slipway::container
