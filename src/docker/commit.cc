// docker commit: a container's changes become a layer on its image.
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "docker/config_changes.h"
#include "docker/container_json.h"
#include "docker/fields.h"
#include "docker/handlers.h"
#include "docker/publish.h"
#include "image/image.h"

namespace slipway::docker {
namespace {

using container::Spec;

// 1024 zero bytes: the archive of nothing. Docker makes no layer of it.
constexpr std::string_view kEmptyArchive =
    "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

void merge_env(std::vector<std::string>& env, const std::vector<std::string>& over) {
  for (const auto& entry : over) {
    const auto key = entry.substr(0, entry.find('=')) + "=";
    std::erase_if(env, [&](const auto& known) { return known.starts_with(key); });
    env.push_back(entry);
  }
}

void merge_once(std::vector<std::string>& list, const std::vector<std::string>& more) {
  for (const auto& value : more)
    if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
}

// The container as it was made: its image's configuration under what was asked for.
void merge_spec(image::Config& config, const Spec& spec) {
  if (spec.entrypoint_set || !spec.entrypoint.empty()) {
    config.entrypoint = spec.entrypoint;
    config.cmd = spec.cmd;
  } else if (!spec.cmd.empty()) {
    config.cmd = spec.cmd;
  }
  merge_env(config.env, spec.env);
  for (const auto& [key, value] : spec.labels) {
    std::erase_if(config.labels, [&key = key](const auto& pair) { return pair.first == key; });
    config.labels.emplace_back(key, value);
  }
  if (!spec.user.empty()) config.user = spec.user;
  if (!spec.working_dir.empty()) config.working_dir = spec.working_dir;
  if (!spec.stop_signal.empty()) config.stop_signal = spec.stop_signal;
  if (spec.health_check) config.health_check = spec.health_check;
  merge_once(config.exposed_ports, spec.exposed_ports);
}

// What a client sends as the body: the parts of a container's Config that replace the image's.
void merge_body(image::Config& config, const Json& body) {
  merge_env(config.env, list_field(body, "Env"));
  for (const auto& [key, value] : map_field(body, "Labels")) {
    std::erase_if(config.labels, [&key = key](const auto& pair) { return pair.first == key; });
    config.labels.emplace_back(key, value);
  }
  const auto replace = [&](const char* name, std::vector<std::string>& list) {
    if (auto given = list_field(body, name); !given.empty()) list = std::move(given);
  };
  replace("Cmd", config.cmd);
  replace("Entrypoint", config.entrypoint);
  replace("OnBuild", config.on_build);
  const auto take = [&](const char* name, std::string& text) {
    if (auto given = text_field(body, name); !given.empty()) text = std::move(given);
  };
  take("User", config.user);
  take("WorkingDir", config.working_dir);
  take("StopSignal", config.stop_signal);
  for (const auto& [port, unused] : object_field(body, "ExposedPorts").items())
    merge_once(config.exposed_ports, {port});
  for (const auto& [path, unused] : object_field(body, "Volumes").items())
    merge_once(config.volumes, {path});
}

// Holds still what runs while its files are read.
class Paused {
 public:
  Paused(container::Engine& engine, const container::Info& info, bool wanted)
      : engine_(engine), id_(info.id) {
    if (!wanted || info.state.status != container::Status::running) return;
    engine_.pause(id_);
    paused_ = true;
  }
  ~Paused() {
    if (!paused_) return;
    try {
      engine_.unpause(id_);
    } catch (const std::exception&) {  // it ended or was unpaused meanwhile
    }
  }
  Paused(const Paused&) = delete;
  Paused& operator=(const Paused&) = delete;

 private:
  container::Engine& engine_;
  const std::string id_;
  bool paused_ = false;
};

image::Images::Layer layer_of(const Call& call, const container::Info& info) {
  const Paused paused(call.deps.engine, info, call.flag("pause", true));
  const auto directory = call.deps.engine.written_dir(info.id);
  make_directories(directory);  // never started: nothing was written
  return call.deps.images.copy_layer(directory, call.exchange.stop());
}

// repo and tag of the query; nullopt: the image gets no name.
std::optional<image::Reference> wanted_name(const Call& call) {
  const auto repo = call.text("repo"), tag = call.text("tag");
  if (repo.empty()) return std::nullopt;
  auto name = image::Reference::parse(tag.empty() ? repo : repo + ":" + tag);
  if (!name.digest.empty())
    throw invalid_argument("refusing to create a tag with a digest reference");
  return name;
}

// What the new image shall be, but for its layer.
image::Config wanted_config(const Call& call, const container::Info& info,
                            const image::Image& base) {
  const auto body_text = call.exchange.read_all(4u << 20);
  image::Config config = base.config;
  merge_spec(config, info.spec);
  if (!trim(body_text).empty()) {
    const auto body = parse_json(body_text, "request body");
    if (body.is_object()) merge_body(config, body);
  }
  apply_changes(config, query_values(call.query, "changes"));
  config.author = call.text("author");
  config.created = to_rfc3339(call.deps.clock.now(), 6);
  return config;
}

}  // namespace

void commit_container(Call& call) {
  if (call.text("container").empty()) throw invalid_argument("no container was named");
  const auto info = docker_container(call.deps, call.text("container"));
  const auto name = wanted_name(call);
  const auto base = call.deps.images.get(info.spec.image_id);
  auto config = wanted_config(call, info, base);
  const auto layer = layer_of(call, info);
  const auto pinned = call.deps.images.pin({layer.descriptor.digest, layer.diff_id});
  auto layers = base.layers;
  const bool empty = layer.diff_id == kEmptyArchive;
  if (!empty) {
    layers.push_back(layer.descriptor);
    config.diff_ids.push_back(layer.diff_id);
  }
  auto command = info.args;
  command.insert(command.begin(), info.path);
  config.history.push_back({config.created, join(command, " "), call.text("comment"), empty});
  const auto image = call.deps.images.create(config, layers);
  publish_image(call, "create", image.id, image.id, &config);
  if (name) {
    call.deps.images.tag(image.id, *name);
    publish_image(call, "tag", image.id, name->familiar(), &config);
  }
  call.deps.engine.publish({call.deps.clock.now(),
                            "container",
                            "commit",
                            info.id,
                            {{"name", info.spec.name},
                             {"comment", call.text("comment")},
                             {"imageID", image.id},
                             {"imageRef", name ? name->familiar() : ""}}});
  call.json(201, {{"Id", image.id}});
}

}  // namespace slipway::docker
