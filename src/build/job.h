// What the stages of one build share. Thread-safe where it changes.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "build/builder.h"
#include "build/cache.h"
#include "build/cache_mounts.h"
#include "build/context.h"
#include "build/explain.h"

namespace slipway::build {

struct JobParts {
  const Builder::Deps& deps;
  const Request& request;
  const Context& context;
  const Observer& observer;
  Stop stop;
  Cache& cache;
  CacheMounts& cache_mounts;
  Explainer& explainer;
};

struct Job : JobParts {
  explicit Job(JobParts parts) : JobParts(std::move(parts)) {}
  char escape = '\\';
  std::map<std::string, std::string> global_args{};  // of ARGs before the first FROM
  std::string work_dir{};                            // upper directories and mounts of this build
  std::optional<int64_t> epoch{};                    // SOURCE_DATE_EPOCH
  std::vector<std::string> stage_names{};            // in the file's order
  std::map<std::string, CachedStep> imported{};      // steps of --cache-from images, by key

  void tell(const Event& event);
  void say(const std::string& text);  // about the whole build
  int next_id();
  void use_arg(const std::string& name);
  std::set<std::string> used_args();
  // The layers stay until the build has ended: nothing else may refer to them meanwhile.
  void keep(std::shared_ptr<void> pin);
  void keep(const std::vector<image::Digest>& diff_ids,
            const std::vector<image::Descriptor>& layers);
  std::string now() const;  // RFC 3339; the epoch when there is one
  // A step by any of its keys, here or in a --cache-from image; its layer is kept.
  std::optional<CachedStep> find(const std::string& key);
  // A file in memory that holds a secret, for a mount.
  std::string secret_file(const std::string& id, uint32_t uid, uint32_t gid, uint32_t mode);
  void unmount();  // at the build's end

 private:
  std::mutex mutex_;
  std::set<std::string> used_args_;
  std::vector<std::shared_ptr<void>> pins_;
  std::unique_ptr<linux::MountGuard> secrets_;  // a file system in memory, once it is needed
  int ids_ = 0, secret_files_ = 0;
};

struct StageResult {
  image::Config config;
  std::vector<image::Descriptor> layers;
};

}  // namespace slipway::build
