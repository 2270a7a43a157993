// docker system df, and the sizes of docker ps -s.
#include "docker/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "docker/build_json.h"
#include "docker/container_json.h"
#include "docker/handlers.h"
#include "docker/image_json.h"
#include "image/image.h"

namespace slipway::docker {
namespace {

// Walks with one descriptor a level; what vanishes meanwhile does not count.
class DirectorySize {
 public:
  uint64_t of(int parent, const char* name, int depth = 0) {
    const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || depth > 400) {
      if (fd >= 0) ::close(fd);
      return bytes_;
    }
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd), ::closedir);
    if (!directory) {
      ::close(fd);
      return bytes_;
    }
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name_here = entry->d_name;
      if (name_here != "." && name_here != "..")
        count(::dirfd(directory.get()), entry->d_name, depth);
    }
    return bytes_;
  }

 private:
  void count(int directory, const char* name, int depth) {
    struct stat info {};
    if (::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (S_ISDIR(info.st_mode)) {
      of(directory, name, depth + 1);
      return;
    }
    const bool counted = info.st_nlink > 1 && !seen_.insert({info.st_dev, info.st_ino}).second;
    if (!counted) bytes_ += static_cast<uint64_t>(info.st_size);
  }

  std::set<std::pair<dev_t, ino_t>> seen_;
  uint64_t bytes_ = 0;
};

bool wants(const Call& call, std::string_view type) {
  const auto types = query_values(call.query, "type");
  return types.empty() || std::find(types.begin(), types.end(), type) != types.end();
}

// How many images hold each layer.
std::map<image::Digest, int> layer_users(const std::vector<image::Image>& images) {
  std::map<image::Digest, int> out;
  for (const auto& image : images)
    for (const auto& id :
         std::set<image::Digest>(image.config.diff_ids.begin(), image.config.diff_ids.end()))
      ++out[id];
  return out;
}

uint64_t layer_bytes(const Deps& deps, const image::Image& image, size_t i) {
  return deps.images.layer_size(image.config.diff_ids[i]).value_or(image.layers[i].size);
}

Json images_usage(const Call& call, const std::vector<container::Info>& containers,
                  uint64_t& all_layers) {
  const auto images = call.deps.images.list();
  const auto users = layer_users(images);
  std::set<image::Digest> counted;
  Json out = Json::array();
  for (const auto& image : images) {
    uint64_t shared = 0;
    for (size_t i = 0; i < image.layers.size(); ++i) {
      const auto bytes = layer_bytes(call.deps, image, i);
      const auto& id = image.config.diff_ids[i];
      if (users.at(id) > 1) shared += bytes;
      if (counted.insert(id).second) all_layers += bytes;
    }
    auto json = image_summary(image, call.minor);
    json["SharedSize"] = shared;
    json["Containers"] = std::count_if(containers.begin(), containers.end(), [&](const auto& info) {
      return info.spec.image_id == image.id;
    });
    out.push_back(std::move(json));
  }
  return out;
}

Json volumes_usage(const Call& call, const std::vector<container::Info>& containers) {
  Json out = volumes_json(call.deps);
  std::map<std::string, int> users;
  for (const auto& info : containers)
    for (const auto& mount : mounts_json(info, call.deps))
      if (mount.value("Type", "") == "volume") ++users[mount.value("Name", "")];
  for (auto& volume : out)
    volume["UsageData"] = {{"Size", directory_bytes(volume.at("Mountpoint").get<std::string>())},
                           {"RefCount", users[volume.at("Name").get<std::string>()]}};
  return out;
}

}  // namespace

uint64_t directory_bytes(const std::string& path) {
  return DirectorySize().of(AT_FDCWD, path.c_str());
}

uint64_t written_bytes(const Deps& deps, const container::Info& info) {
  try {
    return directory_bytes(deps.engine.written_dir(info.id));
  } catch (const Error&) {  // removed meanwhile
    return 0;
  }
}

void add_sizes(const Deps& deps, const container::Info& info, Json& json) {
  const auto written = written_bytes(deps, info);
  const auto image = deps.images.find(info.spec.image_id);
  json["SizeRw"] = written;
  json["SizeRootFs"] = written + (image ? image->size : 0);
}

void disk_usage(Call& call) {
  std::vector<container::Info> containers;
  for (auto& info : call.deps.engine.list())
    if (info.spec.owner == "docker") containers.push_back(std::move(info));
  Json out = Json::object();
  uint64_t layers = 0;
  if (wants(call, "image")) {
    out["Images"] = images_usage(call, containers, layers);
    out["LayersSize"] = layers;
  }
  if (wants(call, "container")) {
    out["Containers"] = Json::array();
    for (const auto& info : containers) {
      auto json = container_summary(info, call.deps);
      add_sizes(call.deps, info, json);
      out["Containers"].push_back(std::move(json));
    }
  }
  if (wants(call, "volume")) out["Volumes"] = volumes_usage(call, containers);
  if (wants(call, "build-cache")) out["BuildCache"] = build_cache_json(call.deps);
  call.json(200, out);
}

}  // namespace slipway::docker
