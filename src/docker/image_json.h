// Images as the API shows them.
#pragma once
#include "docker/call.h"
#include "image/image.h"

namespace slipway::docker {

Json image_summary(const image::Image& image);
Json image_details(const image::Image& image);
Json history_json(const image::Image& image);
// "docker.io/library/busybox:latest" -> "busybox:latest".
std::vector<std::string> familiar_names(const std::vector<std::string>& references);

}  // namespace slipway::docker
