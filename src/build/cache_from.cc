#include "build/cache_from.h"

#include "base/error.h"

namespace slipway::build {

namespace {

// The steps of images that --cache-from names: each image carries the keys of its own.
void import_steps(Job& job, const image::Image& image) {
  const auto& config = image.config;
  size_t layer = 0;
  for (size_t i = 0; i < config.history.size(); ++i) {
    const auto& history = config.history[i];
    CachedStep step;
    step.created = history.created;
    step.description = history.created_by;
    if (!history.empty_layer) {
      if (layer >= config.diff_ids.size() || layer >= image.layers.size()) return;
      step.has_layer = true;
      step.layer = image.layers[layer];
      step.diff_id = config.diff_ids[layer++];
    }
    if (i >= config.step_keys.size() || config.step_keys[i].empty()) continue;
    step.key = config.step_keys[i];
    job.imported.emplace(step.key, step);
  }
  job.keep(config.diff_ids, image.layers);
}

}  // namespace

void import_images(Job& job) {
  for (const auto& name : job.request.cache_from) {
    try {
      auto found = job.deps.images.find(name);
      if (!found) {
        const auto reference = image::Reference::parse(name);
        const auto known = job.request.credentials.find(reference.domain);
        job.deps.registry.pull(
            reference,
            known == job.request.credentials.end() ? std::nullopt : std::optional(known->second),
            [](const registry::Progress&) {}, job.stop);
        found = job.deps.images.get(name);
      }
      import_steps(job, *found);
    } catch (const Error& e) {
      if (e.kind() == Kind::cancelled) throw;
      job.say(fmt::format("[Warning] --cache-from {}: {}\n", name, e.what()));
    }
  }
}

}  // namespace slipway::build
