// Named and anonymous volumes: directories that outlive containers. A volume is
// <root>/<name>/_data; what is persistent about it is in the store's "volumes" table. Thread-safe.
#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/store.h"

namespace slipway::container {

struct Volume {
  std::string name, path;  // path: of its contents
  TimePoint created;
  std::map<std::string, std::string> labels;
  bool anonymous = false;
  std::map<std::string, std::string> options;  // type, device, o: what is mounted there
};

class Volumes {
 public:
  Volumes(std::string root, store::Store& store, Clock& clock);
  // There already: that one. Throws Error(invalid_argument) on a bad name. Empty: a random name.
  Volume create(const std::string& name, const std::map<std::string, std::string>& labels = {},
                bool anonymous = false, const std::map<std::string, std::string>& options = {});
  std::optional<Volume> find(const std::string& name) const;
  std::vector<Volume> list() const;
  // Throws Error(not_found) "get X: no such volume".
  void remove(const std::string& name);
  // What a volume made with options shows: mounted before its first container starts, until it is
  // removed or everything goes down.
  void mount(const std::string& name);
  // Copies what the image has at target (below rootfs) into the volume while that is empty.
  void fill(const std::string& name, const std::string& rootfs, const std::string& target);

 private:
  std::string data_path(const std::string& name) const { return root_ + "/" + name + "/_data"; }
  const std::string root_;
  store::Store& store_;
  Clock& clock_;
  std::mutex fill_mutex_, mount_mutex_;
};

}  // namespace slipway::container
