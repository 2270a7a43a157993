// docker save and docker load.
#include "base/error.h"
#include "base/strings.h"
#include "container/engine.h"
#include "docker/fields.h"
#include "docker/handlers.h"
#include "docker/progress.h"
#include "docker/publish.h"
#include "image/load.h"
#include "image/save.h"

namespace slipway::docker {
namespace {

// "busybox" means all its tags, "busybox:1" that one, an id the image without a name.
void add_named(const Call& call, const std::string& given, std::vector<image::SavedImage>& out) {
  const auto image = call.deps.images.find(given);
  std::optional<image::Reference> name;
  try {
    name = image::Reference::parse(given);
  } catch (const Error&) {  // an id
  }
  const bool bare = name && name->digest.empty() && !given.ends_with(":" + name->tag);
  const auto entry = [&](const image::Image& one) -> image::SavedImage& {
    for (auto& known : out)
      if (known.image.id == one.id) return known;
    return out.emplace_back(image::SavedImage{one, {}});
  };
  bool found = false;
  if (bare) {
    for (const auto& known : call.deps.images.list())
      for (const auto& text : known.tags)
        if (auto tag = image::Reference::parse(text); tag.name() == name->name()) {
          entry(known).tags.push_back(std::move(tag));
          found = true;
        }
  } else if (image) {
    auto& saved = entry(*image);
    const auto& tags = image->tags;
    const bool by_tag = name && name->digest.empty() &&
                        std::find(tags.begin(), tags.end(), name->full()) != tags.end();
    if (by_tag) saved.tags.push_back(*name);
    found = true;
  }
  if (!found && image) {
    entry(*image);
    found = true;
  }
  if (!found) throw not_found("No such image: {}", given);
}

// What clients send as "platform": {"os": ..., "architecture": ...}.
image::Platform platform_parameter(const Call& call) {
  const auto text = call.text("platform");
  if (text.empty()) return image::Platform::parse("");
  const auto json = parse_json(text, "platform");
  if (!json.is_object()) throw invalid_argument("platform: want a JSON object");
  auto out =
      image::Platform::parse(text_field(json, "os") + "/" + text_field(json, "architecture"));
  out.variant = text_field(json, "variant");
  return out;
}

void check_saved_platform(const Call& call, const image::Image& image) {
  const auto wanted = platform_parameter(call);
  if (wanted.asked &&
      (wanted.os != image.config.os || wanted.architecture != image.config.architecture))
    throw not_found("image {} is here for {}/{} only", image.id.substr(7, 12), image.config.os,
                    image.config.architecture);
}

void save(Call& call, const std::vector<std::string>& names) {
  std::vector<image::SavedImage> images;
  for (const auto& name : names) add_named(call, name, images);
  if (images.empty()) throw invalid_argument("no image was named");
  for (const auto& saved : images) {
    check_saved_platform(call, saved.image);
    publish_image(call, "save", saved.image.id, saved.image.id, &saved.image.config);
  }
  call.exchange.begin(200, call.headers("application/x-tar"));
  image::save_archive(
      call.deps.images.content(), images,
      [&](std::string_view bytes) { call.exchange.write(bytes); }, call.exchange.stop());
  call.exchange.finish();
}

// Lines about layers that come in. Few: a client may send all before it reads any of them.
class LoadProgress {
 public:
  LoadProgress(JsonLines& out, bool quiet) : out_(out), quiet_(quiet) {}
  void operator()(const std::string& name, uint64_t current, uint64_t total) {
    if (quiet_ || lines_ > 400) return;
    const bool fresh = name != name_;
    if (!fresh && current != total && current < shown_ + std::max<uint64_t>(total / 10, 4u << 20))
      return;
    if (!fresh && current == shown_) return;
    name_ = name;
    shown_ = current;
    ++lines_;
    out_.write({{"status", "Loading layer"},
                {"id", short_name(name)},
                {"progressDetail", {{"current", current}, {"total", total}}},
                {"progress", progress_bar(current, total)}});
  }

 private:
  // The digits that tell layers apart, whatever the archive calls them.
  static std::string short_name(const std::string& member) {
    std::string name = member.starts_with("blobs/") ? member.substr(member.rfind('/') + 1) : member;
    return name.substr(0, std::min<size_t>(12, name.find_first_of("/.")));
  }

  JsonLines& out_;
  const bool quiet_;
  std::string name_;
  uint64_t shown_ = 0;
  int lines_ = 0;
};

}  // namespace

void save_image(Call& call) {
  save(call, {call.var("name")});
}

void save_images(Call& call) {
  std::vector<std::string> names;
  for (const auto& value : query_values(call.query, "names"))
    for (const auto& name : split(value, ','))
      if (!name.empty()) names.push_back(name);
  save(call, names);
}

void load_images(Call& call) {
  JsonLines out(call);
  LoadProgress progress(out, call.flag("quiet"));
  image::LoadEvents events;
  events.layer = std::ref(progress);
  events.renamed = [&](const image::Reference& tag, const std::string& old_id) {
    out.write({{"stream", fmt::format("The image {} already exists, renaming the old one with ID "
                                      "{} to empty string\n",
                                      tag.familiar(), old_id)}});
  };
  try {
    const auto loaded = image::load_archive(
        call.deps.images, [&](std::span<char> into) { return call.exchange.read(into); },
        platform_parameter(call), events, call.exchange.stop());
    for (const auto& image : loaded) {
      for (const auto& tag : image.tags)
        out.write({{"stream", "Loaded image: " + tag.familiar() + "\n"}});
      if (image.tags.empty()) out.write({{"stream", "Loaded image ID: " + image.id + "\n"}});
      const auto known = call.deps.images.find(image.id);
      publish_image(call, "load", image.id, image.id, known ? &known->config : nullptr);
    }
    out.finish();
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    out.fail(e);
  }
}

}  // namespace slipway::docker
