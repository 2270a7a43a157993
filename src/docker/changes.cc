// docker diff: what a container added, changed and deleted, read off its overlay's upper directory;
// the layers below are only asked about the names that are in there.
#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "base/files.h"
#include "container/files.h"
#include "docker/container_json.h"
#include "docker/handlers.h"
#include "image/whiteout.h"

namespace slipway::docker {
namespace {

constexpr int kModified = 0, kAdded = 1, kDeleted = 2;

bool is_opaque(const linux::Root& written, const std::string& path) {
  const Fd fd = written.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  char value = 0;
  return ::fgetxattr(fd.get(), image::opaque_xattr, &value, 1) == 1 && value == 'y';
}

bool same_directory(const struct stat& a, const struct stat& b) {
  return S_ISDIR(a.st_mode) && S_ISDIR(b.st_mode) && a.st_mode == b.st_mode &&
         a.st_uid == b.st_uid && a.st_gid == b.st_gid && a.st_mtim.tv_sec == b.st_mtim.tv_sec &&
         a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

class Changes {
 public:
  Changes(const linux::Root& written, const linux::Root& image, const Stop& stop)
      : written_(written), image_(image), stop_(stop) {}

  std::map<std::string, int> find() {
    walk("");
    return std::move(kinds_);
  }

 private:
  void note(const std::string& path, int kind) {
    kinds_[path] = kind;
    if (kind == kModified) return;
    // Whatever came or went below a directory changed it.
    const std::string parent = path.substr(0, path.rfind('/'));
    if (!parent.empty()) kinds_.try_emplace(parent, kModified);
  }

  void walk(const std::string& directory) {
    for (const auto& name : written_.list(directory.empty() ? "/" : directory)) {
      stop_.throw_if_requested();
      const std::string path = directory + "/" + name;
      const auto info = written_.lstat(path);
      if (!info) continue;  // gone meanwhile
      const auto below = image_.lstat(path);
      if (image::is_overlay_whiteout(*info)) {
        if (below) note(path, kDeleted);
        continue;
      }
      if (!below) {
        note(path, kAdded);
      } else if (!same_directory(*info, *below)) {
        note(path, kModified);
      }
      if (!S_ISDIR(info->st_mode)) continue;
      if (below && S_ISDIR(below->st_mode) && is_opaque(written_, path)) hidden(path);
      walk(path);
    }
  }

  // A directory that was made anew: what the image has in it is gone.
  void hidden(const std::string& path) {
    for (const auto& name : image_.list(path))
      if (!written_.lstat(path + "/" + name)) note(path + "/" + name, kDeleted);
  }

  const linux::Root& written_;
  const linux::Root& image_;
  const Stop& stop_;
  std::map<std::string, int> kinds_;
};

}  // namespace

void container_changes(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  const auto directory = call.deps.engine.written_dir(info.id);
  Json out = Json::array();
  if (exists(directory)) {
    const auto image = call.deps.engine.files(info.id, container::FilesView::image);
    const linux::Root written(directory);
    for (const auto& [path, kind] : Changes(written, image->root(), call.exchange.stop()).find())
      out.push_back({{"Path", path}, {"Kind", kind}});
  }
  call.json(200, out);
}

}  // namespace slipway::docker
