#include "build/job.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"

namespace slipway::build {

void Job::tell(const Event& event) {
  const std::lock_guard lock(mutex_);
  observer(event);
}

void Job::say(const std::string& text) {
  Event event;
  event.kind = Event::Kind::message;
  event.text = text;
  tell(event);
}

int Job::next_id() {
  const std::lock_guard lock(mutex_);
  return ++ids_;
}

void Job::use_arg(const std::string& name) {
  const std::lock_guard lock(mutex_);
  used_args_.insert(name);
}

std::set<std::string> Job::used_args() {
  const std::lock_guard lock(mutex_);
  return used_args_;
}

void Job::keep(std::shared_ptr<void> pin) {
  if (pin == nullptr) return;
  const std::lock_guard lock(mutex_);
  pins_.push_back(std::move(pin));
}

void Job::keep(const std::vector<image::Digest>& diff_ids,
               const std::vector<image::Descriptor>& layers) {
  std::vector<image::Digest> digests = diff_ids;
  for (const auto& layer : layers) digests.push_back(layer.digest);
  keep(deps.images.pin(std::move(digests)));
}

std::string Job::now() const {
  if (epoch) return to_rfc3339(TimePoint{} + seconds(*epoch), 0);
  return to_rfc3339(deps.clock.now(), 9);
}

std::optional<CachedStep> Job::find(const std::string& key) {
  if (request.no_cache) return std::nullopt;
  std::shared_ptr<void> pin;
  auto found = cache.find(key, pin);
  if (!found) {
    const auto at = imported.find(key);
    if (at != imported.end()) found = at->second;
    if (found && found->has_layer && !deps.content.touch(found->layer.digest)) return std::nullopt;
    if (found) cache.remember(key, *found);
    if (found && found->has_layer) pin = deps.images.pin({found->diff_id, found->layer.digest});
  }
  keep(std::move(pin));
  return found;
}

void Job::unmount() {
  const std::lock_guard lock(mutex_);
  secrets_.reset();
}

std::string Job::secret_file(const std::string& id, uint32_t uid, uint32_t gid, uint32_t mode) {
  const std::lock_guard lock(mutex_);
  const std::string dir = work_dir + "/secrets";
  if (secrets_ == nullptr) {
    make_directories(dir, 0700);
    linux::mount("tmpfs", dir, "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=0700,size=64m");
    secrets_ = std::make_unique<linux::MountGuard>(dir);
  }
  const std::string path = fmt::format("{}/{}", dir, ++secret_files_);
  const Fd file = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  write_all(file.get(), request.secrets.at(id));
  check(::fchown(file.get(), uid, gid), "change the owner of a secret");
  check(::fchmod(file.get(), mode), "change the mode of a secret");
  return path;
}

}  // namespace slipway::build
