// Images: list, inspect, history, tag, remove, prune.
#include "base/error.h"
#include "base/strings.h"
#include "container/engine.h"
#include "docker/filters.h"
#include "docker/handlers.h"
#include "docker/image_json.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

// app, app:1*, host/team/*: against "app:1" and the name alone, familiar and full.
bool reference_fits(const image::Image& image, const std::string& pattern) {
  for (const auto& tag : image.tags) {
    const auto name = image::Reference::parse(tag);
    const auto familiar = name.familiar();
    const auto colon = familiar.rfind(':');
    const bool has_tag =
        colon != std::string::npos && familiar.find('/', colon) == std::string::npos;
    const auto bare = has_tag ? familiar.substr(0, colon) : familiar;
    for (const auto& text : {familiar, bare, name.full(), name.name()}) {
      if (glob_match(pattern, text)) return true;
    }
  }
  return false;
}

bool fits(const image::Image& image, const Filters& filters) {
  if (filters.has("dangling") && filters.flag("dangling", false) != image.tags.empty())
    return false;
  const auto& patterns = filters.values("reference");
  if (filters.has("reference") &&
      std::none_of(patterns.begin(), patterns.end(),
                   [&](const auto& p) { return reference_fits(image, p); })) {
    return false;
  }
  return filters.allows_labels({image.config.labels.begin(), image.config.labels.end()});
}

void publish(const Call& call, const std::string& action, const std::string& id,
             const std::string& name) {
  call.deps.engine.publish({call.deps.clock.now(), "image", action, id, {{"name", name}}});
}

// Who uses an image, in the words that Images::remove wants.
std::optional<std::string> user_of(const Call& call, const std::string& image_id) {
  std::optional<std::string> stopped;
  for (const auto& info : call.deps.engine.list()) {
    if (info.spec.image_id != image_id) continue;
    const auto status = info.state.status;
    if (status == container::Status::running || status == container::Status::paused ||
        status == container::Status::restarting) {
      return "running container " + info.id.substr(0, 12);
    }
    stopped = "stopped container " + info.id.substr(0, 12);
  }
  return stopped;
}

Json remove_one(const Call& call, const std::string& name, bool force) {
  Json out = Json::array();
  const auto removed = call.deps.images.remove(
      name, force, [&](const std::string& id) { return user_of(call, id); });
  for (const auto& line : removed) {
    out.push_back({{line.untagged ? "Untagged" : "Deleted", line.what}});
    publish(call, line.untagged ? "untag" : "delete", line.what, line.what);
  }
  return out;
}

}  // namespace

void list_images(Call& call) {
  const auto filters = Filters::parse(
      call.text("filters"), {"dangling", "reference", "label", "before", "since", "until"});
  std::optional<TimePoint> before, since;
  if (filters.has("until")) before = parse_unix_time(filters.values("until").front());
  for (const auto& name : filters.values("before")) before = call.deps.images.get(name).created;
  for (const auto& name : filters.values("since")) since = call.deps.images.get(name).created;
  auto images = call.deps.images.list();
  std::stable_sort(images.begin(), images.end(),
                   [](const auto& a, const auto& b) { return a.created > b.created; });
  Json out = Json::array();
  for (const auto& image : images) {
    if ((before && image.created >= *before) || (since && image.created <= *since)) continue;
    if (fits(image, filters)) out.push_back(image_summary(image));
  }
  call.json(200, out);
}

void inspect_image(Call& call) {
  call.json(200, image_details(call.deps.images.get(call.var("name"))));
}

void image_history(Call& call) {
  call.json(200, history_json(call.deps.images.get(call.var("name"))));
}

void tag_image(Call& call) {
  const auto image = call.deps.images.get(call.var("name"));
  auto name = call.text("repo");
  if (name.find('@') != std::string::npos) {
    throw invalid_argument("refusing to create a tag with a digest reference");
  }
  if (const auto tag = call.text("tag"); !tag.empty()) name += ":" + tag;
  const auto reference = image::Reference::parse(name);
  call.deps.images.tag(image.id, reference);
  publish(call, "tag", image.id, reference.familiar());
  call.empty(201);
}

void remove_image(Call& call) {
  call.json(200, remove_one(call, call.var("name"), call.flag("force")));
}

void prune_images(Call& call) {
  const auto filters = Filters::parse(call.text("filters"), {"dangling", "label", "until"});
  const bool dangling_only = filters.flag("dangling", true);
  std::optional<TimePoint> until;
  if (filters.has("until")) until = parse_unix_time(filters.values("until").front());
  Json deleted = Json::array();
  uint64_t freed = 0;
  for (const auto& image : call.deps.images.list()) {
    if ((dangling_only && !image.tags.empty()) || user_of(call, image.id)) continue;
    if (until && image.created > *until) continue;
    if (!filters.allows_labels({image.config.labels.begin(), image.config.labels.end()})) continue;
    try {
      auto names = image.tags;
      if (names.empty()) names.push_back(image.id);
      for (const auto& name : names) {
        for (auto& line : remove_one(call, name, false)) deleted.push_back(std::move(line));
      }
      freed += image.size;
    } catch (const Error& e) {  // used or removed meanwhile
      if (e.kind() != Kind::conflict && e.kind() != Kind::not_found) throw;
    }
  }
  call.json(200, {{"ImagesDeleted", deleted}, {"SpaceReclaimed", freed}});
}

}  // namespace slipway::docker
