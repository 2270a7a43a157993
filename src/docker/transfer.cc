// Pull and push, with the progress lines that `docker` draws.
#include "base/error.h"
#include "base/strings.h"
#include "container/engine.h"
#include "docker/auth.h"
#include "docker/handlers.h"
#include "docker/image_json.h"
#include "docker/progress.h"
#include "docker/publish.h"
#include "image/image.h"
#include "registry/client.h"

namespace slipway::docker {
namespace {

Json progress_line(const registry::Progress& progress) {
  Json out = {{"status", progress.status}, {"progressDetail", Json::object()}};
  if (!progress.id.empty()) out["id"] = progress.id;
  if (progress.total > 0 || progress.current > 0) {
    out["progressDetail"] = {{"current", progress.current}, {"total", progress.total}};
    out["progress"] = progress_bar(progress.current, progress.total);
  }
  return out;
}

// What is to be pulled: one name, or (docker pull -a) all tags of a repository.
std::vector<image::Reference> pulled_names(
    const Call& call, const std::optional<registry::Credentials>& credentials) {
  auto name = call.text("fromImage");
  const auto tag = call.text("tag");
  if (tag.find(':') != std::string::npos) {
    name += "@" + tag;
  } else if (!tag.empty()) {
    name += ":" + tag;
  }
  auto reference = image::Reference::parse(name);
  const bool named = name.find('@') != std::string::npos || name.ends_with(":" + reference.tag);
  if (named) return {reference};
  std::vector<image::Reference> out;
  for (const auto& one : call.deps.registry.tags(reference, credentials, call.exchange.stop())) {
    reference.tag = one;
    out.push_back(reference);
  }
  if (out.empty()) throw not_found("repository {} has no tags", reference.name());
  return out;
}

void pull_one(const Call& call, const image::Reference& name,
              const std::optional<registry::Credentials>& credentials, JsonLines& out) {
  const auto before = call.deps.images.find(name.full());
  bool told = false;
  const auto pulled = call.deps.registry.pull_platform(
      name, call.text("platform"), credentials,
      [&](const auto& progress) {
        if (!std::exchange(told, true)) {
          out.write({{"status", "Pulling from " + name.path},
                     {"id", name.tag.empty() ? name.digest : name.tag}});
        }
        out.write(progress_line(progress));
      },
      call.exchange.stop());
  out.write({{"status", "Digest: " + pulled.manifest_digest}});
  const bool same = before && before->id == pulled.image_id;
  out.write({{"status",
              (same ? "Status: Image is up to date for " : "Status: Downloaded newer image for ") +
                  name.familiar()}});
  const auto now = call.deps.images.find(name.full());
  publish_image(call, "pull", name.familiar(), familiar_name(name), now ? &now->config : nullptr);
}

// The tags of a repository that are here.
std::vector<image::Reference> tags_of(const Call& call, const image::Reference& repository) {
  std::vector<image::Reference> out;
  for (const auto& image : call.deps.images.list()) {
    for (const auto& text : image.tags) {
      auto name = image::Reference::parse(text);
      if (name.name() == repository.name()) out.push_back(std::move(name));
    }
  }
  return out;
}

// A digest per tag; the CLI and docker-py read the aux line.
void push_one(const Call& call, const image::Reference& name,
              const std::optional<registry::Credentials>& credentials, JsonLines& out) {
  const auto digest = call.deps.registry.push(
      name, credentials, [&](const auto& progress) { out.write(progress_line(progress)); },
      call.exchange.stop());
  const auto image = call.deps.images.get(name.full());
  out.write({{"status", fmt::format("{}: digest: {} size: {}", name.tag, digest, image.size)}});
  out.write({{"progressDetail", Json::object()},
             {"aux", {{"Tag", name.tag}, {"Digest", digest}, {"Size", image.size}}}});
  publish_image(call, "push", name.familiar(), familiar_name(name), &image.config);
}

}  // namespace

void pull_image(Call& call) {
  if (!call.text("fromSrc").empty()) return import_image(call);
  if (call.text("fromImage").empty()) throw invalid_argument("no image was named (fromImage)");
  const auto credentials =
      parse_auth_header(call.exchange.request().headers.get("X-Registry-Auth"));
  const auto names = pulled_names(call, credentials);
  JsonLines out(call);
  try {
    for (const auto& name : names) pull_one(call, name, credentials, out);
    out.finish();
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    out.fail(e);
  }
}

void describe_distribution(Call& call) {
  const auto name = image::Reference::parse(call.var("name"));
  const auto credentials =
      parse_auth_header(call.exchange.request().headers.get("X-Registry-Auth"));
  const auto found = call.deps.registry.describe(name, credentials, call.exchange.stop());
  Json platforms = Json::array();
  for (const auto& platform : found.platforms) {
    Json json = {{"architecture", platform.architecture}, {"os", platform.os}};
    if (!platform.variant.empty()) json["variant"] = platform.variant;
    platforms.push_back(std::move(json));
  }
  call.json(200, {{"Descriptor",
                   {{"mediaType", found.manifest.media_type},
                    {"digest", found.manifest.digest},
                    {"size", found.manifest.size}}},
                  {"Platforms", platforms}});
}

void push_image(Call& call) {
  auto text = call.var("name");
  const auto tag = call.text("tag");
  if (!tag.empty()) text += ":" + tag;
  const auto name = image::Reference::parse(text);
  const auto credentials =
      parse_auth_header(call.exchange.request().headers.get("X-Registry-Auth"));
  const auto names = tag.empty() ? tags_of(call, name) : std::vector{name};
  if (names.empty() || (!tag.empty() && !call.deps.images.find(name.full()))) {
    throw not_found("An image does not exist locally with the tag: {}", name.name());
  }
  for (const auto& one : names)
    check_platform(call.text("platform"), call.deps.images.get(one.full()), one.familiar());
  JsonLines out(call);
  out.write({{"status", "The push refers to repository [" + name.name() + "]"}});
  try {
    for (const auto& one : names) push_one(call, one, credentials, out);
    out.finish();
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    out.fail(e);
  }
}

}  // namespace slipway::docker
