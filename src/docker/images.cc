// Images: list, inspect, history, tag, remove, prune.
#include "base/error.h"
#include "base/strings.h"
#include "build/builder.h"
#include "container/engine.h"
#include "docker/fields.h"
#include "docker/filters.h"
#include "docker/handlers.h"
#include "docker/image_json.h"
#include "docker/publish.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

// app, app:1*, host/team/*: against "app:1" and the name alone, familiar and full.
bool reference_fits(const std::string& tag, const std::vector<std::string>& patterns) {
  const auto name = image::Reference::parse(tag);
  const auto familiar = name.familiar();
  const auto end = name.digest.empty() ? familiar.rfind(':') : familiar.rfind('@');
  for (const auto& text : {familiar, familiar.substr(0, end), name.full(), name.name()})
    for (const auto& pattern : patterns)
      if (glob_match(pattern, text)) return true;
  return false;
}

// Keeps of an image what the filters ask for; false: nothing.
bool fits(image::Image& image, const Filters& filters) {
  if (filters.has("dangling") && filters.flag("dangling", false) != image.tags.empty())
    return false;
  if (filters.has("reference")) {
    const auto other = [&](const auto& name) {
      return !reference_fits(name, filters.values("reference"));
    };
    std::erase_if(image.tags, other);
    std::erase_if(image.digests, other);
    if (image.tags.empty() && image.digests.empty()) return false;
  }
  return filters.allows_labels({image.config.labels.begin(), image.config.labels.end()});
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

// What the layers take that only these images hold.
uint64_t layers_of_their_own(const Call& call, const std::vector<image::Image>& gone) {
  std::set<image::Digest> needed;
  for (const auto& image : call.deps.images.list())
    needed.insert(image.config.diff_ids.begin(), image.config.diff_ids.end());
  uint64_t bytes = 0;
  for (const auto& image : gone)
    for (size_t i = 0; i < image.layers.size(); ++i)
      if (needed.insert(image.config.diff_ids[i]).second)
        bytes +=
            call.deps.images.layer_size(image.config.diff_ids[i]).value_or(image.layers[i].size);
  return bytes;
}

// Docker's names for the layers that go with an image, the top one first: those that no other image
// has and the build cache does not hold.
std::vector<std::string> layers_that_go(const Call& call, const image::Image& gone) {
  std::set<image::Digest> needed;
  for (const auto& image : call.deps.images.list())
    needed.insert(image.config.diff_ids.begin(), image.config.diff_ids.end());
  const auto cached = call.deps.builder == nullptr ? std::function<bool(const image::Digest&)>()
                                                   : call.deps.builder->claims();
  std::vector<std::string> out;
  const auto chain = chain_ids(gone.config.diff_ids);
  for (size_t i = 0; i < chain.size(); ++i) {
    const auto& id = gone.config.diff_ids[i];
    if (!needed.contains(id) && !(cached && cached(id))) out.insert(out.begin(), chain[i]);
  }
  return out;
}

Json remove_one(const Call& call, const std::string& name, bool force) {
  Json out = Json::array();
  const auto before = call.deps.images.find(name);
  const auto removed = call.deps.images.remove(
      name, force, [&](const std::string& id) { return user_of(call, id); });
  for (const auto& line : removed) {
    out.push_back({{line.untagged ? "Untagged" : "Deleted", line.what}});
    const std::string& id = line.untagged && before ? before->id : line.what;
    publish_image(call, line.untagged ? "untag" : "delete", id, id,
                  before ? &before->config : nullptr);
    if (line.untagged || !before || before->id != line.what) continue;
    for (const auto& layer : layers_that_go(call, *before)) out.push_back({{"Deleted", layer}});
  }
  return out;
}

}  // namespace

void list_images(Call& call) {
  const auto filters = Filters::parse(call.text("filters"), {"dangling", "reference", "label",
                                                             "label!", "before", "since", "until"});
  std::optional<TimePoint> before, since;
  if (filters.has("until"))
    before = parse_until(filters.values("until").front(), call.deps.clock.now());
  for (const auto& name : filters.values("before")) before = call.deps.images.get(name).created;
  for (const auto& name : filters.values("since")) since = call.deps.images.get(name).created;
  auto images = call.deps.images.list();
  std::stable_sort(images.begin(), images.end(),
                   [](const auto& a, const auto& b) { return a.created > b.created; });
  Json out = Json::array();
  for (auto& image : images) {
    if ((before && image.created >= *before) || (since && image.created <= *since)) continue;
    if (fits(image, filters)) out.push_back(image_summary(image, call.minor));
  }
  call.json(200, out);
}

void inspect_image(Call& call) {
  const auto image = call.deps.images.get(call.var("name"));
  check_platform(call.text("platform"), image, call.var("name"));
  call.json(200, image_details(image, call.minor));
}

void image_history(Call& call) {
  const auto image = call.deps.images.get(call.var("name"));
  check_platform(call.text("platform"), image, call.var("name"));
  std::vector<uint64_t> sizes;
  for (const auto& id : image.config.diff_ids) {
    auto size = call.deps.images.layer_size(id);
    if (!size) {  // how much is in a layer is known once it is unpacked
      call.deps.images.unpack(image, call.exchange.stop());
      size = call.deps.images.layer_size(id);
    }
    sizes.push_back(size.value_or(0));
  }
  call.json(200, history_json(image, sizes));
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
  publish_image(call, "tag", image.id, reference.familiar(), &image.config);
  call.empty(201);
}

void remove_image(Call& call) {
  for (const auto& platform : query_values(call.query, "platforms"))
    check_platform(platform, call.deps.images.get(call.var("name")), call.var("name"));
  call.json(200, remove_one(call, call.var("name"), call.flag("force")));
}

void prune_images(Call& call) {
  const auto filters =
      Filters::parse(call.text("filters"), {"dangling", "label", "label!", "until"});
  const bool dangling_only = filters.flag("dangling", true);
  std::optional<TimePoint> until;
  if (filters.has("until"))
    until = parse_until(filters.values("until").front(), call.deps.clock.now());
  Json deleted = Json::array();
  std::vector<image::Image> gone;
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
      if (!call.deps.images.find(image.id)) gone.push_back(image);
    } catch (const Error& e) {  // used or removed meanwhile
      if (e.kind() != Kind::conflict && e.kind() != Kind::not_found) throw;
    }
  }
  const auto bytes = layers_of_their_own(call, gone);
  publish_prune(call, "image", bytes);
  call.json(200, {{"ImagesDeleted", deleted}, {"SpaceReclaimed", bytes}});
}

}  // namespace slipway::docker
