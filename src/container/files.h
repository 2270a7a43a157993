// A container's files as seen from outside the container: for cp, diff, export and commit. The
// views are mounted in a mount namespace of their own, which no process is in and which ends with
// the object (or with the daemon): nothing is left behind by a crash.
#pragma once
#include <memory>
#include <mutex>

#include "base/fd.h"
#include "container/engine.h"
#include "linux/rooted.h"

namespace slipway::container {

enum class FilesView {
  container,  // with volumes, binds and the files that the engine provides; writable
  root,       // its root file system alone
  image,      // what it was made from, without its own changes
};

class Files {
 public:
  // keep: whatever must live (or stay locked) as long as the view does.
  Files(Fd mounts, linux::Root root, std::shared_ptr<void> keep)
      : keep_(std::move(keep)), mounts_(std::move(mounts)), root_(std::move(root)) {}
  const linux::Root& root() const { return root_; }

 private:
  std::shared_ptr<void> keep_;
  Fd mounts_;  // the mount namespace
  linux::Root root_;
};

}  // namespace slipway::container
