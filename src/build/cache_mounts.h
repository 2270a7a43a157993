// The folders behind RUN --mount=type=cache: they stay from build to build, until a prune or the
// cache's cap takes them. Thread-safe; one for all builds.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"
#include "base/sync.h"
#include "build/builder.h"
#include "store/store.h"

namespace slipway::build {

class CacheMounts {
 public:
  CacheMounts(std::string root, store::Store& store, const Clock& clock);

  // A folder while it is in use; the last user's end makes it free.
  struct Lease {
    std::string path;
    std::shared_ptr<void> hold;
  };
  // sharing: shared (everybody at once), private (a folder of one's own when others are at it),
  // locked (waits for the others). fill is called for a folder that is new.
  Lease acquire(const std::string& id, const std::string& sharing, const Stop& stop,
                const std::function<void(const std::string& path)>& fill);

  void recover();                         // after a start: what was being made or removed goes
  std::vector<CacheUsage> usage() const;  // sizes as of each folder's last use
  uint64_t bytes() const;
  Pruned shrink(const PruneOptions& options);

 private:
  struct Users {
    std::map<std::string, int> count;  // by folder
  };
  std::string claim(const std::string& id, const std::string& sharing, const Stop& stop);
  void release(const std::string& id, const std::string& folder);

  std::string root_;
  store::Store& store_;
  const Clock& clock_;
  std::shared_ptr<Sync<Users>> users_ = std::make_shared<Sync<Users>>();
};

}  // namespace slipway::build
