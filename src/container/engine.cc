// Engine's public face: look-ups, names, events. The life cycle is in create.cc, start.cc,
// finish.cc and control.cc.
#include "container/engine.h"

#include <filesystem>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "container/impl.h"
#include "container/names.h"

namespace slipway::container {

Engine::Impl::Impl(Options options_, store::Store& store_, image::Images& images_, Clock& clock_)
    : options(std::move(options_)),
      store(store_),
      images(images_),
      clock(clock_),
      cgroups(linux::Cgroups::detect()),
      runtime(options.run_root + "/rt", options.run_root, options.runtime),
      network(options.run_root + "/netns"),
      networks(store, clock, events, network, options.bridge, options.bridge_cidr),
      volumes(std::filesystem::path(options.root + "/../volumes").lexically_normal(), store, clock,
              &events) {
  make_directories(options.root, 0711);
  make_directories(options.run_root, 0711);
  make_directories(options.run_root + "/c", 0700);
  make_directories(options.run_root + "/e", 0700);
  make_directories(options.run_root + "/netns", 0711);
  store.read([&](const store::Reader& db) {
    for (const auto& record : records.scan(db)) {
      names[record->info.spec.name] = record->info.id;
      containers[record->info.id] = std::make_shared<Container>(*record);
    }
  });
}

Engine::Impl::~Impl() {
  stop.request();
  monitor.stop();
  workers.stop();
  for (const auto& container : all()) {
    const std::lock_guard lock(container->operation);
    end_health_locked(*container);
  }
}

std::string Engine::Impl::cgroup_of(const Record& record) const {
  std::string parent;  // checked at create
  for (const std::string& part : split(record.info.spec.cgroup_parent, '/')) {
    if (!part.empty()) parent += "/" + part;
  }
  return fmt::format("{}/{}", parent.empty() ? "/slipway" : parent, record.info.id);
}

ContainerPtr Engine::Impl::find(const std::string& name_or_id) const {
  const std::string name = name_or_id.starts_with('/') ? name_or_id.substr(1) : name_or_id;
  if (name.empty()) return nullptr;
  const std::shared_lock lock(mutex);
  if (const auto exact = containers.find(name); exact != containers.end()) return exact->second;
  if (const auto named = names.find(name); named != names.end()) {
    const auto found = containers.find(named->second);
    return found == containers.end() ? nullptr : found->second;
  }
  const auto first = containers.lower_bound(name);
  if (first == containers.end() || !first->first.starts_with(name)) return nullptr;
  if (const auto second = std::next(first);
      second != containers.end() && second->first.starts_with(name))
    throw invalid_argument("Multiple IDs found with provided prefix: {}", name);
  return first->second;
}

ContainerPtr Engine::Impl::get(const std::string& name_or_id) const {
  auto found = find(name_or_id);
  if (!found) throw not_found("No such container: {}", name_or_id);
  return found;
}

std::vector<ContainerPtr> Engine::Impl::all() const {
  const std::shared_lock lock(mutex);
  std::vector<ContainerPtr> out;
  for (const auto& [id, container] : containers) out.push_back(container);
  return out;
}

void Engine::Impl::save(Container& container) {
  // The record is read inside the transaction: whichever of two saves comes last writes the latest.
  store.write([&](store::Writer& db) {
    const std::lock_guard lock(container.mutex);
    if (!container.removed) records.put(db, container.id, container.record);
  });
}

void Engine::Impl::event(const Record& record, const std::string& action,
                         std::map<std::string, std::string> attributes) {
  const Spec& spec = record.info.spec;
  for (const auto& [key, value] : spec.labels) attributes.try_emplace(key, value);
  attributes.try_emplace("image", spec.image);
  attributes.try_emplace("name", spec.name);
  events.publish({clock.now(), "container", action, record.info.id, std::move(attributes)});
}

Engine::Engine(Options options, store::Store& store, image::Images& images, Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), store, images, clock)) {}

Engine::~Engine() = default;

std::string Engine::create(const Spec& spec) {
  return impl_->create(spec);
}

Info Engine::inspect(const std::string& name_or_id) const {
  return impl_->get(name_or_id)->snapshot().info;
}

std::optional<Info> Engine::find(const std::string& name_or_id) const {
  const auto found = impl_->find(name_or_id);
  if (!found) return std::nullopt;
  return found->snapshot().info;
}

std::vector<Info> Engine::list() const {
  std::vector<Info> out;
  for (const auto& container : impl_->all()) out.push_back(container->snapshot().info);
  return out;
}

std::string Engine::runtime() const {
  return impl_->runtime.program();
}

Volumes& Engine::volumes() {
  return impl_->volumes;
}

Networks& Engine::networks() {
  return impl_->networks;
}

void Engine::rename(const std::string& id, const std::string& name) {
  const auto container = impl_->get(id);
  const std::lock_guard operation(container->operation);
  const std::string wanted = name.starts_with('/') ? name.substr(1) : name;
  check_container_name(wanted);
  const std::string old = container->snapshot().info.spec.name;
  {
    const std::lock_guard lock(impl_->mutex);
    const auto [entry, added] = impl_->names.try_emplace(wanted, container->id);
    if (!added)
      throw conflict(
          "Conflict. The container name \"/{}\" is already in use by container \"{}\". You have to "
          "remove (or rename) that container to be able to reuse that name.",
          wanted, entry->second);
    impl_->names.erase(old);
  }
  container->update([&](Record& record) { record.info.spec.name = wanted; });
  impl_->save(*container);
  impl_->renamed(container->snapshot());
  impl_->event(container->snapshot(), "rename", {{"oldName", "/" + old}});
}

void Engine::remove_link(const std::string& name) {
  const std::string path = name.starts_with('/') ? name.substr(1) : name;
  const size_t slash = path.find('/');
  if (slash == std::string::npos)
    throw conflict("Conflict, cannot remove the default link name of the container");
  const auto container = impl_->find(path.substr(0, slash));
  if (!container) throw not_found("No such container: {}", path);
  const std::lock_guard operation(container->operation);
  impl_->remove_link(container, path.substr(slash + 1));
}

std::vector<Event> Engine::events(uint64_t& cursor, const Stop& stop, SteadyTime deadline) const {
  return impl_->events.wait(cursor, stop, deadline);
}

uint64_t Engine::events_since(TimePoint time) const {
  return impl_->events.since(time);
}

void Engine::publish(const Event& event) {
  impl_->events.publish(event);
}

}  // namespace slipway::container
