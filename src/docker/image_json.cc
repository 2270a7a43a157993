#include "docker/image_json.h"

#include "base/error.h"
#include "docker/fields.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

int64_t unix_seconds(const std::string& rfc3339) {
  try {
    return to_epoch_ms(parse_rfc3339(rfc3339)) / 1000;
  } catch (const Error&) {  // absent, or not a time
    return 0;
  }
}

std::map<std::string, std::string> labels_of(const image::Image& image) {
  return {image.config.labels.begin(), image.config.labels.end()};
}

}  // namespace

std::vector<std::string> familiar_names(const std::vector<std::string>& references) {
  std::vector<std::string> out;
  for (const auto& text : references) out.push_back(image::Reference::parse(text).familiar());
  return out;
}

Json image_summary(const image::Image& image, int minor) {
  Json out = {{"Id", image.id},
              {"ParentId", ""},
              {"RepoTags", familiar_names(image.tags)},
              {"RepoDigests", familiar_names(image.digests)},
              {"Created", to_epoch_ms(image.created) / 1000},
              {"Size", image.size},
              {"SharedSize", -1},
              {"Labels", labels_of(image)},
              {"Containers", -1}};
  if (image.tags.empty() && image.digests.empty() && minor < 43) {
    out["RepoTags"] = {"<none>:<none>"};
    out["RepoDigests"] = {"<none>@<none>"};
  }
  if (minor < 44) out["VirtualSize"] = image.size;
  return out;
}

Json image_details(const image::Image& image, int minor) {
  const auto raw = parse_json(image.config_json, "image config");
  const auto& history = image.config.history;
  Json out = {{"Id", image.id},
              {"RepoTags", familiar_names(image.tags)},
              {"RepoDigests", familiar_names(image.digests)},
              {"Parent", ""},
              {"Comment", history.empty() ? "" : history.back().comment},
              {"Created", time_text(image.created)},
              {"DockerVersion", ""},
              {"Author", image.config.author},
              {"Config", raw.value("config", Json::object())},
              {"Architecture", image.config.architecture},
              {"Os", image.config.os},
              {"Size", image.size},
              {"GraphDriver", {{"Name", "overlayfs"}, {"Data", nullptr}}},
              {"RootFS", {{"Type", "layers"}, {"Layers", image.config.diff_ids}}},
              {"Metadata", {{"LastTagTime", time_text({})}}}};
  if (const auto variant = raw.find("variant"); variant != raw.end()) out["Variant"] = *variant;
  if (minor < 44) out["VirtualSize"] = image.size;
  // Gone from the API with 1.45, but docker-compose 1.29 asks for the newest version there is and
  // then fails without it.
  out["ContainerConfig"] = out["Config"];
  return out;
}

Json history_json(const image::Image& image, const std::vector<uint64_t>& layer_sizes) {
  Json out = Json::array();
  size_t layer = 0;
  for (const auto& step : image.config.history) {
    const bool empty = step.empty_layer || layer >= image.layers.size();
    Json line = {{"Id", "<missing>"},
                 {"Created", unix_seconds(step.created)},
                 {"CreatedBy", step.created_by},
                 {"Tags", nullptr},
                 {"Size", empty ? 0 : layer_sizes.at(layer)},
                 {"Comment", step.comment}};
    out.insert(out.begin(), std::move(line));
    if (!empty) ++layer;
  }
  if (!out.empty()) {
    out[0]["Id"] = image.id;
    out[0]["Tags"] = familiar_names(image.tags);
  }
  return out;
}

// An image is kept for one platform; another than that cannot be looked at.
void check_platform(const std::string& text, const image::Image& image, const std::string& name) {
  if (text.empty()) return;
  const auto wanted = parse_json(text, "platform");
  if (!wanted.is_object()) throw invalid_argument("platform: want a JSON object");
  const auto system = text_field(wanted, "os"), machine = text_field(wanted, "architecture");
  if ((system.empty() || system == image.config.os) &&
      (machine.empty() || machine == image.config.architecture))
    return;
  throw not_found(
      "image with reference {} was found but its platform ({}/{}) does not match the specified "
      "platform ({}/{})",
      name, image.config.os, image.config.architecture, system, machine);
}

}  // namespace slipway::docker
