// POST /containers/create.
#include "base/error.h"
#include "base/files.h"
#include "docker/container_json.h"
#include "docker/create_spec.h"
#include "docker/handlers.h"

namespace slipway::docker {

void create_container(Call& call) {
  auto request = translate_create(call.body());
  auto& spec = request.spec;
  if (spec.image.empty()) throw invalid_argument("no image was given (Image)");
  const auto platform = call.text("platform");
  if (!platform.empty() && platform != "linux/amd64" && platform != "linux") {
    throw invalid_argument("platform {} does not run on this machine (linux/amd64)", platform);
  }
  spec.name = call.text("name");
  if (spec.name.size() > 1 && spec.name.starts_with('/')) spec.name.erase(0, 1);
  spec.owner = "docker";
  if (spec.network_mode.starts_with("container:")) {
    const auto other = docker_container(call.deps, spec.network_mode.substr(10));
    spec.network_mode = "container:" + other.id;
  }
  for (auto* mode : {&spec.host.pid_mode, &spec.host.ipc_mode}) {
    if (mode->starts_with("container:"))
      *mode = "container:" + docker_container(call.deps, mode->substr(10)).id;
  }
  for (const auto& from : spec.host.volumes_from)
    docker_container(call.deps, from.substr(0, from.find(':')));
  call.deps.images.get(spec.image);  // 404 before anything is made for it
  for (const auto& source : request.bind_sources) {
    if (!exists(source)) make_directories(source);
  }
  for (auto& warning : call.deps.engine.warnings_of(spec))
    request.warnings.push_back(std::move(warning));
  const auto id = call.deps.engine.create(spec);
  call.json(201, {{"Id", id}, {"Warnings", request.warnings}});
}

}  // namespace slipway::docker
