#include "build/cache_mounts.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "codec/hash.h"
#include "store/table.h"

namespace slipway::build {

namespace {

struct MountRow {
  std::string id;
  uint64_t bytes = 0;
  int64_t made_us = 0, used_us = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(MountRow, id, bytes, made_us, used_us)

const store::Table<MountRow> mount_table("build_cache_mount");

int64_t us_of(TimePoint time) {
  return (time - TimePoint{}) / microseconds(1);
}

uint64_t tree_bytes(const std::string& path) {
  uint64_t total = 0;
  std::error_code error;
  const auto options = std::filesystem::directory_options::skip_permission_denied;
  for (std::filesystem::recursive_directory_iterator at(path, options, error), end;
       !error && at != end; at.increment(error)) {
    struct stat info {};
    if (::lstat(at->path().c_str(), &info) == 0)
      total += static_cast<uint64_t>(info.st_blocks) * 512;
  }
  return total;
}

}  // namespace

CacheMounts::CacheMounts(std::string root, store::Store& store, const Clock& clock)
    : root_(std::move(root)), store_(store), clock_(clock) {}

std::string CacheMounts::claim(const std::string& id, const std::string& sharing,
                               const Stop& stop) {
  const std::string first = sha256_hex(id).substr(0, 24);
  auto users = users_->lock();
  if (sharing == "private") {
    std::string folder = first;
    for (int i = 1; users->count.contains(folder); ++i) folder = fmt::format("{}-{}", first, i);
    ++users->count[folder];
    return folder;
  }
  while (sharing == "locked" && users->count.contains(first)) {
    stop.throw_if_requested();
    users.wait_until(std::chrono::steady_clock::now() + milliseconds(100),
                     [&](const Users& now) { return !now.count.contains(first); });
  }
  ++users->count[first];
  return first;
}

void CacheMounts::release(const std::string& id, const std::string& folder) {
  try {
    const uint64_t bytes = tree_bytes(root_ + "/" + folder);
    store_.write([&](store::Writer& db) {
      const auto known = mount_table.get(db, folder);
      MountRow row = known ? *known : MountRow{id, 0, us_of(clock_.now()), 0};
      row.bytes = bytes;
      row.used_us = us_of(clock_.now());
      mount_table.put(db, folder, row);
    });
  } catch (const std::exception& e) {
    log::warning("build", "the size of cache mount {} is not known: {}", id, e.what());
  }
  {
    auto users = users_->lock();
    if (--users->count[folder] == 0) users->count.erase(folder);
  }
  users_->notify_all();
}

CacheMounts::Lease CacheMounts::acquire(const std::string& id, const std::string& sharing,
                                        const Stop& stop,
                                        const std::function<void(const std::string&)>& fill) {
  const std::string folder = claim(id, sharing, stop);
  Lease lease{root_ + "/" + folder, nullptr};
  lease.hold = std::shared_ptr<void>(nullptr, [this, id, folder](void*) { release(id, folder); });
  if (!exists(lease.path)) {
    make_directories(root_, 0700);
    const std::string fresh = lease.path + ".new-" + random_hex(8);
    make_directories(fresh, 0755);
    fill(fresh);
    std::error_code error;
    std::filesystem::rename(fresh, lease.path, error);  // somebody sharing it may be first
    if (error) remove_tree(fresh);
  }
  return lease;
}

void CacheMounts::recover() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(root_, error)) {
    const std::string name = entry.path().filename();
    if (name.find(".new-") != std::string::npos || name.find(".gone-") != std::string::npos)
      remove_tree(entry.path());
  }
}

std::vector<CacheUsage> CacheMounts::usage() const {
  std::vector<CacheUsage> out;
  auto users = users_->lock();
  store_.read([&](const store::Reader& db) {
    for (const auto& row : db.scan(mount_table.name())) {
      const auto mount = mount_table.get(db, row.key);
      CacheUsage one;
      one.id = row.key;
      one.type = "exec.cachemount";
      one.description = "cache mount " + mount->id;
      one.bytes = mount->bytes;
      one.created = TimePoint{} + microseconds(mount->made_us);
      one.last_used = TimePoint{} + microseconds(mount->used_us);
      one.in_use = users->count.contains(std::string(row.key));
      out.push_back(std::move(one));
    }
  });
  return out;
}

uint64_t CacheMounts::bytes() const {
  uint64_t total = 0;
  for (const auto& one : usage()) total += one.bytes;
  return total;
}

Pruned CacheMounts::shrink(const PruneOptions& options) {
  auto all = usage();
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.last_used < b.last_used; });
  uint64_t total = 0;
  for (const auto& one : all) total += one.bytes;
  Pruned out;
  for (const auto& one : all) {
    if (total <= options.keep_bytes && options.keep_bytes > 0) break;
    if (options.unused_for && clock_.now() - one.last_used < *options.unused_for) break;
    if (options.fits && !options.fits(one)) continue;
    const std::string path = root_ + "/" + one.id;
    const std::string gone = path + ".gone-" + random_hex(8);
    {
      auto users = users_->lock();  // nobody takes it meanwhile
      if (users->count.contains(one.id)) continue;
      std::error_code error;
      std::filesystem::rename(path, gone, error);
    }
    remove_tree(gone);
    store_.write([&](store::Writer& db) { mount_table.erase(db, one.id); });
    total -= one.bytes;
    out.bytes += one.bytes;
    out.ids.push_back(one.id);
  }
  return out;
}

}  // namespace slipway::build
