// mount(2) for the simple kinds, the file-descriptor mount API for overlays (their option string
// would not fit into the one page of mount(2)), mountinfo.
#include "linux/mounts.h"

#include <cstdio>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"

namespace slipway::linux {

void mount(const std::string& source, const std::string& target, const std::string& type,
           unsigned long flags, const std::string& data) {
  check(::mount(source.c_str(), target.c_str(), type.empty() ? nullptr : type.c_str(), flags,
                data.empty() ? nullptr : data.c_str()),
        "mount {} on {} (type {}, options {})", source, target, type.empty() ? "none" : type,
        data.empty() ? "none" : data);
}

void make_private(const std::string& target, bool recursive) {
  check(::mount(nullptr, target.c_str(), nullptr, MS_PRIVATE | (recursive ? MS_REC : 0), nullptr),
        "make mounts below {} private", target);
}

void remount_read_only(const std::string& target) {
  mount("none", target, "", MS_REMOUNT | MS_BIND | MS_RDONLY);
}

void bind_mount(const std::string& source, const std::string& target, bool read_only,
                bool recursive) {
  mount(source, target, "", MS_BIND | (recursive ? MS_REC : 0));
  MountGuard guard(target);
  make_private(target, recursive);
  if (read_only) remount_read_only(target);
  guard.keep();
}

namespace {

// What the kernel wrote into the file system context: "e lowerdir does not exist".
std::string context_messages(int context) {
  std::string all;
  char buffer[1024];
  for (ssize_t n; (n = ::read(context, buffer, sizeof buffer)) > 0;) {
    const auto line = trim(std::string_view(buffer, static_cast<size_t>(n)));
    all += all.empty() ? "" : "; ";
    all += line.size() > 2 ? line.substr(2) : line;
  }
  return all;
}

[[noreturn]] void fail(int context, const std::string& what) {
  const int saved = errno;
  const auto said = context_messages(context);
  throw SystemError(saved, said.empty() ? what : what + ": " + said);
}

void set_string(int context, const char* key, const std::string& value) {
  if (::fsconfig(context, FSCONFIG_SET_STRING, key, value.c_str(), 0) == -1)
    fail(context, fmt::format("overlay option {}={}", key, value));
}

// Whether overlayfs knows the file-descriptor mount API. Before 6.5 it takes any option as text and
// refuses only the whole, so trying does not tell.
bool overlay_has_contexts() {
  utsname name{};
  int major = 0, minor = 0;
  if (::uname(&name) != 0 || std::sscanf(name.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 5);
}

// "lowerdir+" appends one layer, as is (kernel 6.7). False: not known here.
bool append_layers(int context, const std::vector<std::string>& lower) {
  for (size_t i = 0; i < lower.size(); ++i) {
    if (::fsconfig(context, FSCONFIG_SET_STRING, "lowerdir+", lower[i].c_str(), 0) == 0) continue;
    if (i == 0 && errno == EINVAL && exists(lower[0])) return false;
    fail(context, "overlay layer " + lower[i]);
  }
  return true;
}

std::string escape_layer(const std::string& path) {
  return replace_all(replace_all(path, "\\", "\\\\"), ":", "\\:");
}

std::string classic_options(const Overlay& overlay, const std::vector<std::string>& lower) {
  std::vector<std::string> layers;
  for (const auto& layer : lower) layers.push_back(escape_layer(layer));
  auto comma = [](const std::string& text) { return replace_all(text, ",", "\\,"); };
  std::string data = "lowerdir=" + comma(join(layers, ":"));
  if (!overlay.upper.empty())
    data += ",upperdir=" + comma(overlay.upper) + ",workdir=" + comma(overlay.work);
  for (const auto& option : overlay.options) data += "," + option;
  return data;
}

}  // namespace

void mount_overlay_classic(const Overlay& overlay, const std::string& target) {
  constexpr size_t page = 4096;
  std::string data = classic_options(overlay, overlay.lower);
  std::vector<Fd> open;
  if (data.size() >= page) {
    std::vector<std::string> names;
    for (const auto& layer : overlay.lower) {
      open.emplace_back(
          check(::open(layer.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), "open layer {}", layer));
      names.push_back(fmt::format("/proc/self/fd/{}", open.back().get()));
    }
    data = classic_options(overlay, names);
  }
  if (data.size() >= page)
    throw unimplemented("{} layers are too many for this kernel: 6.7 or newer is needed",
                        overlay.lower.size());
  mount("overlay", target, "overlay", 0, data);
  MountGuard guard(target);
  make_private(target, false);
  guard.keep();
}

namespace {

void set_options(int context, const Overlay& overlay) {
  if (!overlay.upper.empty()) {
    set_string(context, "upperdir", overlay.upper);
    set_string(context, "workdir", overlay.work);
  }
  for (const auto& option : overlay.options) {
    const auto [key, value] = split_once(option, '=');
    if (option.find('=') != std::string::npos) {
      set_string(context, key.c_str(), value);
    } else if (::fsconfig(context, FSCONFIG_SET_FLAG, key.c_str(), nullptr, 0) == -1) {
      fail(context, "overlay option " + option);
    }
  }
}

}  // namespace

void mount_overlay(const Overlay& overlay, const std::string& target) {
  if (overlay.lower.empty()) throw invalid_argument("an overlay needs at least one layer");
  if (overlay.lower.size() == 1 && overlay.upper.empty()) {
    bind_mount(overlay.lower[0], target, true);
    return;
  }
  if (!overlay_has_contexts()) return mount_overlay_classic(overlay, target);
  const Fd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context) {
    if (errno == ENOSYS) return mount_overlay_classic(overlay, target);
    throw SystemError(errno, "the overlay file system is not available");
  }
  ::fsconfig(context.get(), FSCONFIG_SET_STRING, "source", "overlay", 0);
  if (!append_layers(context.get(), overlay.lower)) return mount_overlay_classic(overlay, target);
  set_options(context.get(), overlay);
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == -1)
    fail(context.get(), "make an overlay for " + target);
  const Fd mounted(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mounted) fail(context.get(), "make an overlay for " + target);
  check(::move_mount(mounted.get(), "", AT_FDCWD, target.c_str(), MOVE_MOUNT_F_EMPTY_PATH),
        "mount an overlay on {}", target);
  MountGuard guard(target);
  make_private(target, false);
  guard.keep();
}

Fd memory_tree(size_t bytes) {
  const Fd context(check(::fsopen("tmpfs", FSOPEN_CLOEXEC), "open the tmpfs file system"));
  set_string(context.get(), "size", std::to_string(bytes));
  set_string(context.get(), "mode", "0700");
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == -1)
    fail(context.get(), "make a file system in memory");
  Fd mounted(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID));
  if (!mounted) fail(context.get(), "make a file system in memory");
  return mounted;
}

bool overlay_supported() {
  const auto text = read_file_if_exists("/proc/filesystems");
  return text && text->find("\toverlay\n") != std::string::npos;
}

bool unmount(const std::string& target, bool lazy) {
  const int flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0);
  if (::umount2(target.c_str(), flags) == 0) return true;
  if (errno == EINVAL || errno == ENOENT) return false;
  throw SystemError(errno, "unmount " + target);
}

void unmount_below(const std::string& prefix) {
  auto mounts = list_mounts(prefix);
  // Later entries lie on top of, or below, earlier ones.
  for (auto entry = mounts.rbegin(); entry != mounts.rend(); ++entry) unmount(entry->target);
}

MountGuard::~MountGuard() {
  if (target_.empty()) return;
  try {
    unmount(target_);
  } catch (const std::exception& e) {
    log::warning("linux", "{}", e.what());
  }
}

}  // namespace slipway::linux
