// Images as the API shows them.
#pragma once
#include "docker/call.h"
#include "image/image.h"

namespace slipway::docker {

// minor: of the API version that was asked for; older clients want some things said differently.
Json image_summary(const image::Image& image, int minor);
Json image_details(const image::Image& image, int minor);
// layer_size: bytes of each layer's files, bottom first.
Json history_json(const image::Image& image, const std::vector<uint64_t>& layer_sizes);
// "docker.io/library/busybox:latest" -> "busybox:latest".
std::vector<std::string> familiar_names(const std::vector<std::string>& references);

// Throws Error(not_found) when text, {"os": ..., "architecture": ...}, is another platform than the
// image's. Empty: any.
void check_platform(const std::string& text, const image::Image& image, const std::string& name);

}  // namespace slipway::docker
