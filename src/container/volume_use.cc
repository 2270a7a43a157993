// Containers and their volumes: what is mounted while one runs, and what is told of it.
#include "container/impl.h"

namespace slipway::container {

void Engine::Impl::volume_event(const ResolvedMount& mount, const std::string& id,
                                const char* action) {
  Event event{clock.now(), "volume", action, mount.name, {{"driver", "local"}, {"container", id}}};
  if (std::string_view(action) == "mount") {
    event.attributes["destination"] = mount.target;
    event.attributes["read/write"] = mount.read_only ? "false" : "true";
    event.attributes["propagation"] = "";
  }
  events.publish(std::move(event));
}

void Engine::Impl::enter_volumes(const Record& record) {
  for (const ResolvedMount& mount : record.mounts) {
    if (mount.type != "volume") continue;
    volumes.enter(mount.name, record.info.id);
    volume_event(mount, record.info.id, "mount");
  }
}

void Engine::Impl::leave_volumes(const Record& record) {
  for (const ResolvedMount& mount : record.mounts) {
    if (mount.type == "volume" && volumes.leave(mount.name, record.info.id))
      volume_event(mount, record.info.id, "unmount");
  }
}

void Engine::Impl::adopt_volumes() {
  for (const auto& container : all()) {
    const Record record = container->snapshot();
    if (!is_up(record.info.state.status)) continue;
    for (const ResolvedMount& mount : record.mounts)
      if (mount.type == "volume") volumes.adopt(mount.name, record.info.id);
  }
}

}  // namespace slipway::container
