// How a step is answered: from the cache, or by making it; and what is noted of it.
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "build/mounted_tree.h"
#include "build/stage.h"
#include "build/step_keys.h"

namespace slipway::build {

namespace {

// Blocks of a tree, in bytes.
uint64_t disk_use_below(int folder) {
  uint64_t total = 0;
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const stream = copy < 0 ? nullptr : ::fdopendir(copy);
  if (stream == nullptr && copy >= 0) ::close(copy);
  if (stream == nullptr) return 0;
  const Finally close([&] { ::closedir(stream); });
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    struct stat info {};
    if (name == "." || name == ".." ||
        ::fstatat(folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    total += static_cast<uint64_t>(info.st_blocks) * 512;
    if (!S_ISDIR(info.st_mode)) continue;
    const Fd below(
        ::openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (below) total += disk_use_below(below.get());
  }
  return total;
}

uint64_t disk_use(const std::string& folder) {
  return disk_use_below(open_file(folder, O_RDONLY | O_DIRECTORY).get());
}

}  // namespace

void StageBuilder::remember_history(const CachedStep& step, const std::string& created_by,
                                    bool empty) {
  config_.created = step.created;
  config_.history.push_back({step.created, created_by, "", empty});
  config_.step_keys.resize(config_.history.size() - 1);
  config_.step_keys.push_back(step.key);
}

std::optional<CachedStep> StageBuilder::find_cached(const std::string& key) {
  return no_cache_ ? std::nullopt : job_.find(key);
}

// The time of a config-only step is cached too, so that a rebuild gives the same image id.
void StageBuilder::configured(const std::string& created_by, const std::string& inputs) {
  const std::string key = config_key(last_key_, inputs.empty() ? created_by : inputs);
  last_key_ = key;
  auto known = find_cached(key);
  cached_ = known.has_value();
  if (known) {
    note(" ---> Using cache\n");
  } else {
    known = CachedStep{};
    known->created = job_.now();
    known->key = key;
    known->description = created_by;
    job_.cache.remember(key, *known);
  }
  known->key = key;
  remember_history(*known, created_by, true);
  note(fmt::format(" ---> {}\n", key.substr(0, 12)));
}

std::string StageBuilder::key_of(const std::string& inputs, bool alone) const {
  std::string all = inputs;
  if (job_.epoch) all += fmt::format("\nepoch {}", *job_.epoch);
  if (job_.request.zstd) all += "\nzstd";
  return layer_key(alone ? std::vector<image::Digest>{} : config_.diff_ids, all);
}

void StageBuilder::take(const CachedStep& step, const std::string& created_by) {
  if (step.has_layer) {
    layers_.push_back(step.layer);
    config_.diff_ids.push_back(step.diff_id);
  }
  remember_history(step, created_by, !step.has_layer);
  // By what came out, not by how it was found.
  last_key_ = config_key(last_key_, fmt::format("{} {}", created_by, step.diff_id));
  note(fmt::format(" ---> {}\n", last_key_.substr(0, 12)));
}

void StageBuilder::layered(LayerStep step) {
  const std::string layers_sum = short_sum(join(config_.diff_ids, "\n"));
  if (!step.alone) step.parts.emplace_back("layers", layers_sum);
  const std::string fast = step.definition ? key_of(*step.definition, step.alone) : "";
  auto known = fast.empty() ? std::nullopt : find_cached(fast);
  std::string key = known && !known->key.empty() ? known->key : fast;
  if (!known && step.inputs) {
    key = key_of(step.inputs(step.parts), step.alone);
    known = find_cached(key);
    if (known && !fast.empty()) job_.cache.remember(fast, *known);
  }
  ExplainedStep explained{original_, key, step.parts};
  cached_ = known.has_value();
  if (known) {
    note(" ---> Using cache\n");
  } else {
    why_ = job_.request.no_cache ? "--no-cache"
           : no_cache_           ? "--no-cache-filter"
                                 : job_.explainer.why(name_, ordinal_, explained);
    known = make_layer(step);
    known->key = key;
    known->description = step.created_by;
    job_.cache.remember(key, *known);
    if (!fast.empty() && fast != key) job_.cache.remember(fast, *known);
  }
  job_.explainer.note(name_, ordinal_, std::move(explained));
  take(*known, step.created_by);
}

CachedStep StageBuilder::make_layer(const LayerStep& step) {
  const std::string dir = fmt::format("{}/step-{}", job_.work_dir, id_);
  make_directories(dir + "/upper", 0755);
  step.make(dir + "/upper",
            step.alone ? std::vector<std::string>{} : layer_dirs(job_, {config_, layers_}));
  CachedStep made;
  made.created = job_.now();
  if (!std::filesystem::is_empty(dir + "/upper")) {
    image::Images::LayerOptions options;
    options.zstd = job_.request.zstd;
    options.newest = job_.epoch;
    made.disk = disk_use(dir + "/upper");
    const auto layer =
        job_.deps.images.commit_layer(config_.diff_ids, dir + "/upper", job_.stop, options);
    made.has_layer = true;
    made.layer = layer.descriptor;
    made.diff_id = layer.diff_id;
    made.size = layer.size;
    job_.keep({made.diff_id}, {made.layer});
  }
  remove_tree(dir);
  return made;
}

}  // namespace slipway::build
