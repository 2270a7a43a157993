#include "container/volumes.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "linux/process.h"
#include "linux/rooted.h"
#include "store/table.h"

namespace slipway::container {
namespace {

struct VolumeRecord {
  std::string name;
  int64_t created_us = 0;
  std::map<std::string, std::string> labels;
  bool anonymous = false;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(VolumeRecord, name, created_us, labels, anonymous)

constexpr store::Table<VolumeRecord> volumes{"volumes"};

bool valid_name(std::string_view name) {
  return name.size() >= 2 && name.size() <= 255 && only_alnum_and(name, "_.-") &&
         only_alnum_and(name.substr(0, 1), "");
}

}  // namespace

Volumes::Volumes(std::string root, store::Store& store, Clock& clock)
    : root_(std::move(root)), store_(store), clock_(clock) {}

Volume Volumes::create(const std::string& wanted, const std::map<std::string, std::string>& labels,
                       bool anonymous) {
  const std::string name = wanted.empty() ? random_hex(64) : wanted;
  if (!valid_name(name))
    throw invalid_argument(
        "\"{}\" includes invalid characters for a local volume name, only "
        "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
        "absolute path",
        name);
  if (auto known = find(name)) return *known;
  make_directories(root_, 0711);
  make_directories(root_ + "/" + name, 0711);
  make_directories(data_path(name), 0755);
  const VolumeRecord record{name, clock_.now().time_since_epoch().count(), labels, anonymous};
  store_.write([&](store::Writer& db) {
    if (!volumes.get(db, name)) volumes.put(db, name, record);
  });
  return find(name).value();
}

std::optional<Volume> Volumes::find(const std::string& name) const {
  std::shared_ptr<const VolumeRecord> record;
  store_.read([&](const store::Reader& db) { record = volumes.get(db, name); });
  if (!record) return std::nullopt;
  return Volume{record->name, data_path(record->name), TimePoint(microseconds(record->created_us)),
                record->labels, record->anonymous};
}

std::vector<Volume> Volumes::list() const {
  std::vector<Volume> out;
  store_.read([&](const store::Reader& db) {
    for (const auto& record : volumes.scan(db)) {
      out.push_back({record->name, data_path(record->name),
                     TimePoint(microseconds(record->created_us)), record->labels,
                     record->anonymous});
    }
  });
  return out;
}

void Volumes::remove(const std::string& name) {
  if (!find(name)) throw not_found("get {}: no such volume", name);
  remove_tree(root_ + "/" + name);
  store_.write([&](store::Writer& db) { volumes.erase(db, name); });
}

void Volumes::fill(const std::string& name, const std::string& rootfs, const std::string& target) {
  const std::lock_guard lock(fill_mutex_);
  const std::string data = data_path(name);
  if (!std::filesystem::is_empty(data)) return;
  const linux::Root root(rootfs);
  const auto source = root.open_if_exists(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  struct stat info {};
  if (!source || ::fstat(source->get(), &info) != 0) return;
  // cp copies owners, modes, links and attributes; the source is named by its descriptor, so that
  // nothing in the image can lead it elsewhere.
  linux::run_ok({.argv = {"cp", "-a", "--reflink=auto", "-T", "/proc/self/fd/3/.", data},
                 .fds = {{3, source->get()}}});
}

}  // namespace slipway::container
