#include "docker/publish.h"

#include "codec/hash.h"

namespace slipway::docker {

void publish_image(const Call& call, const std::string& action, const std::string& id,
                   const std::string& name, const image::Config* config) {
  container::Event event{call.deps.clock.now(), "image", action, id, {{"name", name}}};
  if (config != nullptr)
    for (const auto& [key, value] : config->labels) event.attributes.try_emplace(key, value);
  call.deps.engine.publish(event);
}

void publish_built(const Call& call, const std::string& id, const std::vector<std::string>& tags,
                   bool made) {
  const auto image = call.deps.images.find(id);
  if (!image) return;  // files were asked for, no image
  if (made) publish_image(call, "create", id, id, &image->config);
  for (const auto& tag : tags)
    publish_image(call, "tag", id, image::Reference::parse(tag).familiar(), &image->config);
}

void publish_prune(const Call& call, const std::string& type, uint64_t bytes) {
  call.deps.engine.publish(
      {call.deps.clock.now(), type, "prune", "", {{"reclaimed", std::to_string(bytes)}}});
}

void publish_container(const Call& call, const container::Info& info, const std::string& action) {
  container::Event event{call.deps.clock.now(),
                         "container",
                         action,
                         info.id,
                         {{"name", info.spec.name}, {"image", info.spec.image}}};
  event.attributes.insert(info.spec.labels.begin(), info.spec.labels.end());
  call.deps.engine.publish(event);
}

std::vector<std::string> chain_ids(const std::vector<image::Digest>& diff_ids) {
  std::vector<std::string> out;
  for (const auto& id : diff_ids)
    out.push_back(out.empty() ? id : "sha256:" + sha256_hex(out.back() + " " + id));
  return out;
}

std::string familiar_name(const image::Reference& name) {
  const std::string text = name.familiar();
  return text.substr(0, name.digest.empty() ? text.rfind(':') : text.find('@'));
}

}  // namespace slipway::docker
