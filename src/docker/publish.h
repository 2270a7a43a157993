// What handlers tell docker events, beyond what the engine tells itself: of images, of what prune
// gives back, of looks at containers.
#pragma once
#include <string>
#include <vector>

#include "container/engine.h"
#include "docker/call.h"
#include "image/image.h"

namespace slipway::docker {

// config: where the image's labels come from, which are the event's too.
void publish_image(const Call& call, const std::string& action, const std::string& id,
                   const std::string& name, const image::Config* config = nullptr);
// Of a build's result and its names. made: not all of it was in the cache.
void publish_built(const Call& call, const std::string& id, const std::vector<std::string>& tags,
                   bool made);
// "container prune" and the like.
void publish_prune(const Call& call, const std::string& type, uint64_t bytes);
void publish_container(const Call& call, const container::Info& info, const std::string& action);
// Docker's name of each layer, bottom first: it also says what lies below.
std::vector<std::string> chain_ids(const std::vector<image::Digest>& diff_ids);
// "busybox" of "busybox:latest": what pull and push are about.
std::string familiar_name(const image::Reference& name);

}  // namespace slipway::docker
