#include "container/volumes.h"

#include <fcntl.h>
#include <filesystem>
#include <netdb.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "container/events.h"
#include "linux/mounts.h"
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
  std::map<std::string, std::string> options;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(VolumeRecord, name, created_us, labels, anonymous,
                                                options)

constexpr store::Table<VolumeRecord> volumes{"volumes"};

bool valid_name(std::string_view name) {
  return name.size() >= 2 && name.size() <= 255 && only_alnum_and(name, "_.-") &&
         only_alnum_and(name.substr(0, 1), "");
}

void check_volume_options(const std::map<std::string, std::string>& options) {
  if (options.empty()) return;
  for (const auto& [name, value] : options) {
    if (name == "size")
      throw invalid_argument(
          "quota size requested but no quota support: leave the option size out");
    if (name != "type" && name != "device" && name != "o")
      throw invalid_argument("invalid option: \"{}\"", name);
  }
  for (const char* name : {"type", "device"})
    if (!options.contains(name)) throw invalid_argument("missing required option: \"{}\"", name);
}

// mount(8)'s words that are flags, or say what is so anyway; all others are the file system's own
// data.
std::pair<unsigned long, std::string> parse_mount_words(const std::string& text) {
  static const std::map<std::string_view, unsigned long> kFlags = {
      {"ro", MS_RDONLY},         {"nosuid", MS_NOSUID},
      {"nodev", MS_NODEV},       {"noexec", MS_NOEXEC},
      {"sync", MS_SYNCHRONOUS},  {"dirsync", MS_DIRSYNC},
      {"bind", MS_BIND},         {"rbind", MS_BIND | MS_REC},
      {"noatime", MS_NOATIME},   {"nodiratime", MS_NODIRATIME},
      {"relatime", MS_RELATIME}, {"strictatime", MS_STRICTATIME}};
  static const std::set<std::string_view> kNothing = {
      "rw", "defaults", "async", "atime", "dev", "exec", "suid", "private", "rprivate", "diratime"};
  std::pair<unsigned long, std::string> out;
  for (const auto& word : split(text, ',')) {
    if (const auto flag = kFlags.find(word); flag != kFlags.end()) {
      out.first |= flag->second;
    } else if (!word.empty() && !kNothing.contains(word)) {
      out.second += (out.second.empty() ? "" : ",") + std::string(word);
    }
  }
  return out;
}

// The value of a word "name=value" among a file system's data.
std::string mount_word(const std::string& data, std::string_view name) {
  for (const auto& word : split(data, ','))
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=')
      return word.substr(name.size() + 1);
  return {};
}

void replace_text(std::string& text, const std::string& from, const std::string& to) {
  if (const size_t at = text.find(from); !from.empty() && at != std::string::npos)
    text.replace(at, from.size(), to);
}

// The kernel's NFS and CIFS want addr= to be a number.
std::string resolve_server(const std::string& data) {
  const std::string server = mount_word(data, "addr");
  if (server.empty()) return data;
  addrinfo* found = nullptr;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  if (const int code = ::getaddrinfo(server.c_str(), nullptr, &hints, &found); code != 0)
    throw invalid_argument("lookup {}: {}", server, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
  std::array<char, NI_MAXHOST> number{};
  if (::getnameinfo(found->ai_addr, found->ai_addrlen, number.data(), number.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0)
    throw invalid_argument("lookup {}: no address", server);
  std::string out = data;
  replace_text(out, "addr=" + server, fmt::format("addr={}", number.data()));
  return out;
}

}  // namespace

Volumes::Volumes(std::string root, store::Store& store, Clock& clock, Events* events)
    : root_(std::move(root)), store_(store), clock_(clock), events_(events) {}

void Volumes::publish(const std::string& name, const char* action) {
  if (events_ != nullptr)
    events_->publish({clock_.now(), "volume", action, name, {{"driver", "local"}}});
}

Volume Volumes::create(const std::string& wanted, const std::map<std::string, std::string>& labels,
                       bool anonymous, const std::map<std::string, std::string>& options) {
  const std::string name = wanted.empty() ? random_hex(64) : wanted;
  if (!valid_name(name))
    throw invalid_argument(
        "\"{}\" includes invalid characters for a local volume name, only "
        "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use "
        "absolute path",
        name);
  if (auto known = find(name)) return *known;
  check_volume_options(options);
  make_directories(root_, 0711);
  make_directories(root_ + "/" + name, 0711);
  make_directories(data_path(name), 0755);
  const VolumeRecord record{name, clock_.now().time_since_epoch().count(), labels, anonymous,
                            options};
  bool made = false;
  store_.write([&](store::Writer& db) {
    made = !volumes.get(db, name);
    if (made) volumes.put(db, name, record);
  });
  if (made) publish(name, "create");
  return find(name).value();
}

std::optional<Volume> Volumes::find(const std::string& name) const {
  std::shared_ptr<const VolumeRecord> record;
  store_.read([&](const store::Reader& db) { record = volumes.get(db, name); });
  if (!record) return std::nullopt;
  return Volume{
      record->name,   data_path(record->name), TimePoint(microseconds(record->created_us)),
      record->labels, record->anonymous,       record->options};
}

std::vector<Volume> Volumes::list() const {
  std::vector<Volume> out;
  store_.read([&](const store::Reader& db) {
    for (const auto& record : volumes.scan(db)) {
      out.push_back({record->name, data_path(record->name),
                     TimePoint(microseconds(record->created_us)), record->labels, record->anonymous,
                     record->options});
    }
  });
  return out;
}

void Volumes::remove(const std::string& name) {
  const auto volume = find(name);
  if (!volume) throw not_found("get {}: no such volume", name);
  if (!volume->options.empty()) {  // what is mounted there is not ours to delete
    const std::lock_guard lock(mount_mutex_);
    unmount_unused(*volume);
  }
  remove_tree(root_ + "/" + name);
  store_.write([&](store::Writer& db) { volumes.erase(db, name); });
  publish(name, "destroy");
}

void Volumes::unmount_unused(const Volume& volume) {
  while (linux::unmount(volume.path)) {
  }
}

void Volumes::mount(const std::string& name) {
  const auto volume = find(name);
  if (!volume) throw not_found("get {}: no such volume", name);
  const std::lock_guard lock(mount_mutex_);
  mount_locked(*volume);
}

void Volumes::mount_locked(const Volume& volume) {
  if (volume.options.empty() || linux::is_mount_point(volume.path)) return;
  const auto& options = volume.options;
  const auto words = options.find("o");
  auto [flags, data] = parse_mount_words(words == options.end() ? "" : words->second);
  const std::string &device = options.at("device"), type = options.at("type");
  try {
    if ((flags & MS_BIND) != 0)
      return linux::bind_mount(device, volume.path, (flags & MS_RDONLY) != 0,
                               (flags & MS_REC) != 0);
    if (type.starts_with("nfs") || type == "cifs") data = resolve_server(data);
    linux::mount(device, volume.path, type, flags, data);
  } catch (const Error& e) {
    std::string text = e.what();
    replace_text(text, "password=" + mount_word(data, "password"), "password=********");
    throw invalid_argument("failed to mount local volume {}: {}", volume.name, text);
  }
}

void Volumes::enter(const std::string& name, const std::string& user) {
  const auto volume = find(name);
  if (!volume) throw not_found("get {}: no such volume", name);
  const std::lock_guard lock(mount_mutex_);
  mount_locked(*volume);
  users_[name].insert(user);
}

bool Volumes::leave(const std::string& name, const std::string& user) {
  const std::lock_guard lock(mount_mutex_);
  const auto users = users_.find(name);
  if (users == users_.end() || users->second.erase(user) == 0) return false;
  if (!users->second.empty()) return true;
  users_.erase(users);
  if (const auto volume = find(name); volume && !volume->options.empty()) unmount_unused(*volume);
  return true;
}

void Volumes::adopt(const std::string& name, const std::string& user) {
  const std::lock_guard lock(mount_mutex_);
  users_[name].insert(user);
}

void Volumes::settle() {
  const std::lock_guard lock(mount_mutex_);
  for (const Volume& volume : list())
    if (!volume.options.empty() && !users_.contains(volume.name)) unmount_unused(volume);
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
