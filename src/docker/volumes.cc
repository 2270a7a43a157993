#include "container/volumes.h"

#include "base/error.h"
#include "container/record.h"
#include "docker/container_json.h"
#include "docker/disk.h"
#include "docker/fields.h"
#include "docker/filters.h"
#include "docker/handlers.h"
#include "docker/publish.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

Json volume_json(const container::Volume& volume) {
  return {{"Name", volume.name},
          {"Driver", "local"},
          {"Mountpoint", volume.path},
          {"CreatedAt", to_rfc3339(volume.created, 0)},
          {"Labels", volume.labels},
          {"Options", volume.options.empty() ? Json(nullptr) : Json(volume.options)},
          {"Scope", "local"}};
}

// Names of volumes -> a container that has it.
std::map<std::string, std::string> used_volumes(const Deps& deps) {
  std::map<std::string, std::string> out;
  deps.store.read([&](const store::Reader& db) {
    for (const auto& record : container::records.scan(db)) {
      for (const auto& mount : record->mounts) {
        if (mount.type == "volume") out.emplace(mount.name, record->info.id);
      }
    }
  });
  return out;
}

}  // namespace

Json volumes_json(const Deps& deps) {
  Json out = Json::array();
  for (const auto& volume : deps.engine.volumes().list()) out.push_back(volume_json(volume));
  return out;
}

void list_volumes(Call& call) {
  const auto filters =
      Filters::parse(call.text("filters"), {"name", "label", "label!", "dangling", "driver"});
  const auto used = used_volumes(call.deps);
  Json out = Json::array();
  for (const auto& volume : call.deps.engine.volumes().list()) {
    const bool dangling = !used.contains(volume.name);
    if (filters.has("dangling") && filters.flag("dangling", false) != dangling) continue;
    if (!filters.allows_labels(volume.labels) || !filters.allows("driver", "local")) continue;
    const auto& names = filters.values("name");
    if (filters.has("name") && std::none_of(names.begin(), names.end(), [&](const auto& part) {
          return name_fits(volume.name, part);
        })) {
      continue;
    }
    out.push_back(volume_json(volume));
  }
  call.json(200, {{"Volumes", out}, {"Warnings", nullptr}});
}

void create_volume(Call& call) {
  const auto body = call.body();
  const auto driver = text_field(body, "Driver");
  if (!driver.empty() && driver != "local") {
    throw not_found("error looking up volume plugin {}: plugin \"{}\" not found", driver, driver);
  }
  if (!is_default(member(body, "ClusterVolumeSpec")))
    throw unavailable("This node is not a swarm manager: cluster volumes belong to a swarm");
  const auto name = text_field(body, "Name");
  call.json(201,
            volume_json(call.deps.engine.volumes().create(
                name, map_field(body, "Labels"), name.empty(), map_field(body, "DriverOpts"))));
}

void inspect_volume(Call& call) {
  const auto found = call.deps.engine.volumes().find(call.var("name"));
  if (!found) throw not_found("get {}: no such volume", call.var("name"));
  call.json(200, volume_json(*found));
}

void remove_volume(Call& call) {
  const auto& name = call.var("name");
  if (!call.deps.engine.volumes().find(name)) {
    if (call.flag("force")) return call.empty(204);
    throw not_found("get {}: no such volume", name);
  }
  const auto used = used_volumes(call.deps);
  if (const auto user = used.find(name); user != used.end()) {
    throw conflict("remove {}: volume is in use - [{}]", name, user->second);
  }
  call.deps.engine.volumes().remove(name);
  call.empty(204);
}

void prune_volumes(Call& call) {
  const auto filters = Filters::parse(call.text("filters"), {"label", "label!", "all"});
  const auto used = used_volumes(call.deps);
  const bool all = filters.flag("all", call.minor < 42);
  Json deleted = Json::array();
  uint64_t freed = 0;
  for (const auto& volume : call.deps.engine.volumes().list()) {
    if (used.contains(volume.name) || (!all && !volume.anonymous)) continue;
    if (!filters.allows_labels(volume.labels)) continue;
    freed += directory_bytes(volume.path);
    call.deps.engine.volumes().remove(volume.name);
    deleted.push_back(volume.name);
  }
  publish_prune(call, "volume", freed);
  call.json(200, {{"VolumesDeleted", deleted}, {"SpaceReclaimed", freed}});
}

}  // namespace slipway::docker
