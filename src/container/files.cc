// Engine::files: mounts a view of a container in a namespace made by a thread that ends at once.
#include "container/files.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <thread>

#include "base/files.h"
#include "base/log.h"
#include "container/impl.h"
#include "container/prepare.h"
#include "linux/mounts.h"

namespace slipway::container {
namespace {

struct ViewMount {
  std::string source, target;
  bool read_only = false;
};

// A clone of what is mounted at source; it may then be put anywhere.
Fd clone_mount(const ViewMount& mount) {
  Fd tree(::open_tree(AT_FDCWD, mount.source.c_str(),
                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  check(tree.get(), "open {}", mount.source);
  if (mount.read_only) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    check(::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                          sizeof attributes),
          "make {} read-only", mount.source);
  }
  return tree;
}

// Makes the mount point when the container has never been started.
Fd mount_point(const linux::Root& root, const ViewMount& mount) {
  if (auto there = root.open_if_exists(mount.target, O_PATH)) return std::move(*there);
  struct stat source {};
  check(::stat(mount.source.c_str(), &source), "stat {}", mount.source);
  if (S_ISDIR(source.st_mode)) {
    root.make_directories(mount.target);
  } else {
    root.place(mount.target, true);
    root.write_file(mount.target, "");
  }
  return root.open(mount.target, O_PATH);
}

void put_in_place(const linux::Root& root, const ViewMount& mount) {
  const Fd tree = clone_mount(mount);
  const Fd point = mount_point(root, mount);
  check(::move_mount(tree.get(), "", point.get(), "",
                     MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH),
        "mount {} on {}", mount.source, mount.target);
}

// The view becomes the whole namespace: nothing of the host stays reachable or pinned in it.
void leave_nothing_else(const std::string& target) {
  check(::chdir(target.c_str()), "enter {}", target);
  check(static_cast<int>(::syscall(SYS_pivot_root, ".", ".")), "make {} the root", target);
  check(::umount2(".", MNT_DETACH), "leave the old root");
}

struct Opened {
  Fd mounts, root;
};

// Runs mount in a thread with a mount namespace of its own; then target is all there is in it.
Opened open_view(const std::string& target, const std::function<void()>& mount) {
  Opened out;
  std::exception_ptr failure;
  std::thread([&] {
    try {
      check(::unshare(CLONE_FS | CLONE_NEWNS), "make a mount namespace");
      linux::make_private("/");
      mount();
      out.mounts = open_file("/proc/thread-self/ns/mnt", O_RDONLY);
      leave_nothing_else(target);
      out.root = open_file("/", O_PATH | O_DIRECTORY);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
  return out;
}

// Volumes and binds, parents first; and the files that the engine provides.
std::vector<ViewMount> mounts_of(const Record& record, const std::string& directory) {
  std::vector<ViewMount> out;
  for (const char* name : {"hosts", "hostname", "resolv.conf"})
    if (exists(directory + "/" + name))
      out.push_back({directory + "/" + name, std::string("/etc/") + name, false});
  for (const ResolvedMount& mount : record.mounts)
    if (mount.type != "tmpfs" && exists(mount.source))
      out.push_back({mount.source, mount.target, mount.read_only});
  std::stable_sort(out.begin(), out.end(),
                   [](auto& a, auto& b) { return a.target.size() < b.target.size(); });
  return out;
}

// Keeps a container from being started or removed.
struct Held {
  explicit Held(ContainerPtr container_)
      : container(std::move(container_)), operation(container->operation, std::defer_lock) {}
  ContainerPtr container;
  std::unique_lock<std::mutex> operation;
};

void mount_layers(const linux::Overlay& overlay, const std::string& target) {
  make_directories(target);
  for (const auto& path : {overlay.upper, overlay.work})
    if (!path.empty()) make_directories(path);
  linux::mount_overlay(overlay, target);
}

// What a volume with options shows is mounted in this namespace only.
void show_volume(Engine::Impl& engine, const ResolvedMount& mount, const std::string& root) {
  engine.volumes.mount(mount.name);
  engine.volumes.fill(mount.name, root, mount.target);
}

void mount_view(Engine::Impl& engine, const Record& record, FilesView view, bool up,
                const std::string& target) {
  const std::string directory = engine.directory(record.info.id);
  auto overlay = overlay_of(engine, record);
  if (view == FilesView::image) {
    overlay.upper.clear();
    overlay.work.clear();
    return mount_layers(overlay, target);
  }
  // The mount of a container that is up came along into this namespace.
  if (!up) mount_layers(overlay, target);
  if (view == FilesView::root) return;
  const linux::Root root(target);
  if (!up)
    for (const ResolvedMount& mount : record.mounts)
      if (mount.type == "volume") show_volume(engine, mount, target);
  for (const ViewMount& mount : mounts_of(record, directory)) {
    try {
      put_in_place(root, mount);
    } catch (const Error& e) {  // the rest can be seen all the same
      log::warning("container", "files of {}: {}", record.info.id.substr(0, 12), e.what());
    }
  }
}

}  // namespace

std::unique_ptr<Files> Engine::files(const std::string& id, FilesView view) {
  const auto held = std::make_shared<Held>(impl_->get(id));
  held->operation.lock();
  const Record record = held->container->snapshot();
  const auto status = record.info.state.status;
  if (status == Status::dead || status == Status::removing)
    throw conflict("container {} is marked for removal", record.info.id);
  const bool up = is_up(status);
  const std::string target =
      impl_->directory(record.info.id) + (view == FilesView::image ? "/image" : "/merged");
  auto opened = open_view(target, [&] { mount_view(*impl_, record, view, up, target); });
  // What runs is not held up; what does not may be mounted once only.
  if (up) held->operation.unlock();
  return std::make_unique<Files>(std::move(opened.mounts), linux::Root(std::move(opened.root)),
                                 held);
}

std::string Engine::written_dir(const std::string& id) const {
  const Record record = impl_->get(id)->snapshot();
  const auto& spec = record.info.spec;
  return spec.upper_dir.empty() ? impl_->directory(record.info.id) + "/upper" : spec.upper_dir;
}

}  // namespace slipway::container
