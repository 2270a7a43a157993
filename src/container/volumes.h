// Named and anonymous volumes: directories that outlive containers. A volume is
// <root>/<name>/_data; what is persistent about it is in the store's "volumes" table. Thread-safe.
#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/store.h"

namespace slipway::container {

class Events;

struct Volume {
  std::string name, path;  // path: of its contents
  TimePoint created;
  std::map<std::string, std::string> labels;
  bool anonymous = false;
  std::map<std::string, std::string> options;  // type, device, o: what is mounted there
};

class Volumes {
 public:
  // events: where makings and removals are told.
  Volumes(std::string root, store::Store& store, Clock& clock, Events* events = nullptr);
  // There already: that one. Throws Error(invalid_argument) on a bad name. Empty: a random name.
  Volume create(const std::string& name, const std::map<std::string, std::string>& labels = {},
                bool anonymous = false, const std::map<std::string, std::string>& options = {});
  std::optional<Volume> find(const std::string& name) const;
  std::vector<Volume> list() const;
  // Throws Error(not_found) "get X: no such volume".
  void remove(const std::string& name);
  // Containers that run have their volumes: what a volume made with options shows is mounted for
  // its first user and unmounted behind its last. leave: false when it was no user.
  void enter(const std::string& name, const std::string& user);
  bool leave(const std::string& name, const std::string& user);
  // After a restart of the daemon: a user of before, whose mounts are there.
  void adopt(const std::string& name, const std::string& user);
  // ... and what a crash has left mounted for nobody goes.
  void settle();
  // Mounts what a volume made with options shows where it is not mounted yet, in the caller's mount
  // namespace.
  void mount(const std::string& name);
  // Copies what the image has at target (below rootfs) into the volume while that is empty.
  void fill(const std::string& name, const std::string& rootfs, const std::string& target);

 private:
  std::string data_path(const std::string& name) const { return root_ + "/" + name + "/_data"; }
  void mount_locked(const Volume& volume);
  const std::string root_;
  store::Store& store_;
  Clock& clock_;
  void publish(const std::string& name, const char* action);
  void unmount_unused(const Volume& volume);
  Events* const events_;
  std::mutex fill_mutex_, mount_mutex_;
  std::map<std::string, std::set<std::string>> users_;  // by volume; guarded by mount_mutex_
};

}  // namespace slipway::container
