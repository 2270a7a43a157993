// POST /containers/create.
#include "base/error.h"
#include "base/files.h"
#include "docker/container_json.h"
#include "docker/create_spec.h"
#include "docker/handlers.h"

namespace slipway::docker {

namespace {

// A 404 would make the CLI look for the image.
container::Info other_container(const Call& call, const std::string& name) {
  try {
    return docker_container(call.deps, name);
  } catch (const Error& e) {
    if (e.kind() != Kind::not_found) throw;
    throw invalid_argument("{}", e.what());
  }
}

// Containers that the new one shares something with, by id.
void resolve_others(const Call& call, container::Spec& spec) {
  for (auto* mode : {&spec.network_mode, &spec.host.pid_mode, &spec.host.ipc_mode}) {
    if (mode->starts_with("container:"))
      *mode = "container:" + other_container(call, mode->substr(10)).id;
  }
  for (const auto& from : spec.host.volumes_from)
    other_container(call, from.substr(0, from.find(':')));
}

}  // namespace

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
  resolve_others(call, spec);
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
