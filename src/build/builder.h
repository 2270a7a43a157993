// Builds images from a Dockerfile and a context, for POST /build and `slipway build`: one layer for
// each step that changes files, taken from the overlay's upper directory; stages that need not wait
// for each other run side by side; every step is cached by what went into it. Thread-safe; builds
// may run side by side.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "build/progress.h"
#include "codec/compress.h"
#include "container/engine.h"
#include "image/image.h"
#include "registry/client.h"
#include "store/store.h"

namespace slipway::build {

struct Request {
  std::string dockerfile = "Dockerfile";        // path inside the context
  bool outside = false;                         // ... but only for its own sake: not a part of it
  std::string shown_dockerfile, shown_context;  // what errors call them; may be empty
  std::vector<std::string> tags;
  std::map<std::string, std::string> build_args, labels;
  std::string target, network_mode, platform;
  bool no_cache = false, pull = false;
  std::vector<std::string> no_cache_stages;
  bool zstd = false;            // layers compressed by zstd instead of gzip
  bool allow_insecure = false;  // RUN --security=insecure
  std::vector<std::string> cache_from;
  // Limits of RUN's containers; not part of any cache key.
  uint64_t memory_bytes = 0, shm_size_bytes = 0;
  int64_t memory_swap_bytes = 0, cpu_shares = 0, cpu_quota_us = 0, cpu_period_us = 0;
  std::string cgroup_parent, cpuset_cpus, cpuset_mems;
  std::string seccomp;  // as HostOptions::seccomp
  std::vector<container::Ulimit> ulimits;
  std::vector<std::string> extra_hosts;
  std::map<std::string, std::string> secrets;     // by id; never logged, kept or hashed
  std::map<std::string, std::string> ssh_agents;  // by id: the agent's socket on this machine
  // Takes the files of the target as a tar; then no image is made of it.
  ByteSink files;
  // By registry domain; what X-Registry-Config carried.
  std::map<std::string, registry::Credentials> credentials;

  const std::string& shown() const {
    return shown_dockerfile.empty() ? dockerfile : shown_dockerfile;
  }
};

// A RUN step that failed: what() names the file and line, code is the command's exit code.
class StepFailed : public Error {
 public:
  StepFailed(int code, const std::string& message)
      : Error(Kind::invalid_argument, message), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

// One row of `docker system df -v` and of a prune's answer.
struct CacheUsage {
  std::string id, type, description;  // type: regular or exec.cachemount
  uint64_t bytes = 0;
  TimePoint created, last_used;
  bool in_use = false, shared = false;  // shared: an image has the layer too
};
struct PruneOptions {
  uint64_t keep_bytes = 0;
  bool all = true;                                // false: steps whose layers images have too stay
  std::function<bool(const CacheUsage&)> fits{};  // what may go; empty: anything
  std::optional<microseconds> unused_for;         // leave what was used more recently
};
struct Pruned {
  std::vector<std::string> ids;
  uint64_t bytes = 0;  // freed on the disk
};

class Builder {
 public:
  struct Deps {
    std::string root;  // <data dir>/build: contexts while they are used
    container::Engine& engine;
    image::Images& images;
    image::ContentStore& content;
    registry::Client& registry;
    store::Store& store;
    Clock& clock;
    uint64_t cache_cap = 10ull << 30;  // bytes that the cache may keep
  };
  explicit Builder(Deps deps);
  ~Builder();

  // After a daemon start, once the engine has recovered: removes what a build that was cut off has
  // left.
  void recover();
  // context: a tar stream, plain or compressed. Returns the image id. Throws
  // StepFailed, Error; nothing is tagged unless everything succeeded. With Request::files the id is
  // empty.
  std::string build(const Request& request, const ByteSource& context, const Observer& observer,
                    const Stop& stop);

  std::vector<CacheUsage> cache_usage() const;
  Pruned prune_cache(const PruneOptions& options = {});
  // Brings the cache below its cap. After every build and now and then.
  void collect();
  // Whether the cache needs a blob or an unpacked layer: for garbage collection.
  std::function<bool(const image::Digest&)> claims() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::build
