// Containers, volumes and networks as the API shows them.
#pragma once
#include "container/engine.h"
#include "docker/call.h"
#include "image/image.h"

namespace slipway::docker {

// One entry of GET /containers/json.
Json container_summary(const container::Info& info, const Deps& deps);
// GET /containers/{id}/json.
Json container_details(const container::Info& info, const Deps& deps);
Json state_json(const container::State& state);
// "Up 3 minutes (healthy)".
std::string status_text(const container::State& state, TimePoint now);
// The labels of image and spec together.
std::map<std::string, std::string> merged_labels(const container::Info& info, const Deps& deps);
Json host_config_json(const container::Spec& spec);
// Those of containers of the docker API only.
container::Info docker_container(const Deps& deps, const std::string& name_or_id);

Json volumes_json(const Deps& deps);
Json mounts_json(const container::Info& info, const Deps& deps);

}  // namespace slipway::docker
