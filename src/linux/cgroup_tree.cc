// Cgroups on version 2: controllers reach a group only when each group above it passes them on, and
// no group but the real root may do that while it holds processes itself.
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "linux/cgroups.h"
#include "linux/cgroups_impl.h"

namespace slipway::linux {
namespace {

namespace files = cgroup_files;

constexpr const char* kPassed[] = {"memory", "cpu", "pids", "cpuset", "io"};
constexpr const char* kMovedTo = "slipway-init";

std::set<std::string> words_in(const std::string& path) {
  std::set<std::string> out;
  for (const auto& word : split(trim(files::read_quietly(path)), ' ')) out.insert(word);
  out.erase("");
  return out;
}

// The top of a namespace looks like any other group; the real root has no type.
bool is_real_root(const std::string& dir) {
  return !slipway::exists(dir + "/cgroup.type");
}

// True when none is left. New ones may be born while the others move.
bool move_processes(const std::string& from, const std::string& to) {
  for (int round = 0; round < 20; ++round) {
    const auto pids = split(trim(files::read_quietly(from + "/cgroup.procs")), '\n');
    if (pids.front().empty()) return true;
    for (const auto& pid : pids) {
      if (pid == "0") return false;  // of an outer pid namespace: out of our reach
      try {
        files::write_setting(to, "cgroup.procs", pid);
      } catch (const SystemError& e) {
        if (e.error_number() == ESRCH) continue;  // ended meanwhile
        log::debug("linux", "{}", e.what());
        return false;
      }
    }
  }
  return false;
}

// Not where processes would be left beside the children: the kernel refuses it, or takes the one
// part that makes every child a group of threads.
void pass_all_on(const std::string& dir) {
  if (!is_real_root(dir) && !files::read_quietly(dir + "/cgroup.procs").empty()) return;
  const auto given = words_in(dir + "/cgroup.controllers");
  const auto passed = words_in(dir + "/cgroup.subtree_control");
  for (const std::string controller : kPassed) {
    if (!given.contains(controller) || passed.contains(controller)) continue;
    try {
      files::write_setting(dir, "cgroup.subtree_control", "+" + controller);
    } catch (const SystemError& e) {
      log::debug("linux", "{}", e.what());
    }
  }
}

}  // namespace

void cgroup_files::pass_controllers_on(const std::string& root, const std::string& path) {
  std::string dir = root;
  for (const auto& part : split(path, '/')) {
    pass_all_on(dir);
    dir += "/" + part;
    make_directories(dir);
  }
}

void Cgroups::open_top(const std::string& path) const {
  if (layout_ != CgroupLayout::v2) return;
  if (!is_real_root(v2_) && !files::read_quietly(v2_ + "/cgroup.procs").empty()) {
    const auto to = v2_ + "/" + kMovedTo;
    make_directories(to);
    if (move_processes(v2_, to)) {
      log::info("linux", "the processes at the top of {} are in {} now: limits need that", v2_, to);
    } else {
      log::warning("linux",
                   "processes stay at the top of {}: limits of containers may not be in force",
                   v2_);
    }
  }
  files::pass_controllers_on(v2_, files::checked(path));
  pass_all_on(v2_ + "/" + files::checked(path));
}

void Cgroups::give_back_top() const {
  const auto moved = v2_ + "/" + kMovedTo;
  if (layout_ != CgroupLayout::v2 || !slipway::exists(moved)) return;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(v2_, error)) {
    if (entry.is_directory(error) && entry.path().filename() != kMovedTo) return;
  }
  try {
    for (const auto& controller : words_in(v2_ + "/cgroup.subtree_control"))
      files::write_setting(v2_, "cgroup.subtree_control", "-" + controller);
    if (move_processes(moved, v2_)) remove(kMovedTo);
  } catch (const SystemError& e) {
    log::warning("linux", "{}", e.what());
  }
}

}  // namespace slipway::linux
