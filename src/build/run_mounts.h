// The mounts of one RUN: found for its cache key, then made for its container. Whatever a mount
// needs as a mount point is there in a layer of its own, so that nothing of it gets into the
// step's.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "build/explain.h"
#include "build/job.h"
#include "build/mounted_tree.h"
#include "build/parser/mounts.h"
#include "build/ssh_agent.h"
#include "container/engine.h"

namespace slipway::build {

class RunMounts {
 public:
  // from: a stage or image that a mount names.
  using FindTree = std::function<StageResult(const std::string& from)>;
  RunMounts(Job& job, std::vector<RunMount> mounts, const std::string& working_dir,
            const FindTree& find_tree);
  // What the step's result depends on: never a secret's value or a cache's contents.
  std::vector<std::string> inputs(Parts& parts) const;
  // Makes them; lower gets the mount points on top.
  void prepare(container::Spec& spec);
  // A script that the container runs, at path.
  void add_script(container::Spec& spec, const std::string& path, const std::string& text);

 private:
  struct One {
    RunMount mount;
    std::optional<StageResult> tree;
  };
  struct Point {
    std::string target;
    bool directory = true;
  };
  void prepare_bind(container::Spec& spec, const One& one);
  void take_caches();
  void fill_cache(const One& one, const std::string& fresh);
  void prepare_tmpfs(container::Spec& spec, const RunMount& mount);
  void prepare_secret(container::Spec& spec, const RunMount& mount);
  void prepare_ssh(container::Spec& spec, const RunMount& mount);
  void bind(container::Spec& spec, const std::string& source, const std::string& target,
            bool read_only);
  void add_mount_points(container::Spec& spec);
  // Where a bind's source is: the tree's root on this machine, and the tree itself.
  std::pair<std::string, const linux::Root*> source_tree(const One& one);
  std::string writable_copy(const std::string& source, bool directory);
  std::string scratch(const char* what) const;

  Job& job_;
  std::vector<One> list_;
  std::vector<Point> points_;
  std::vector<std::shared_ptr<void>>
      held_;  // trees, leases, sockets: as long as the container runs
  std::map<std::string, std::string> caches_;  // folders by id
  int agents_ = 0;
};

}  // namespace slipway::build
