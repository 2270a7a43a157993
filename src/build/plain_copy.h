// COPY of a context that is still an archive, straight into a layer's directory: nothing is
// unpacked on the way and no overlay is mounted for writing. Files that an earlier layer has
// already, to the last byte and attribute, are linked instead of written. It knows the plain case
// only, and gives there what copy (files.h) gives; whatever needs more (symlinks on the way, a
// directory in a file's place) it leaves to that.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "build/context.h"
#include "build/files.h"
#include "build/tar_index.h"
#include "linux/rooted.h"

namespace slipway::build {

class PlainCopy {
 public:
  // lower: the tree below the layer.
  PlainCopy(const Context& context, const linux::Root& lower, const CopyOptions& options)
      : context_(context), lower_(lower), options_(options) {}

  // False: not plain. Nothing is written. add: an archive named as a source would be unpacked, so
  // only directories are plain.
  bool plan(const std::vector<std::string>& patterns, const std::string& destination, bool add);
  // upper: an empty directory that nobody else writes to. earlier: the directory of a layer that is
  // not below this one and whose files may serve again; "" for none.
  void write(const std::string& upper, const std::string& earlier) const;

 private:
  using Node = TarIndex::Node;
  struct Directory {
    bool fresh = true;                   // not in the tree below
    std::optional<struct stat> below{};  // else: what it is there
    const Node* source = nullptr;        // whose attributes it takes; nullptr: as it is
  };
  struct File {
    std::string target;
    const Node* node = nullptr;
  };
  bool plan_source(const Selected& source, const std::string& target, bool into);
  bool plan_parents(const std::string& path);
  bool plan_directory(const std::string& path, const Node* source);
  bool plan_tree(const Node& node, const std::string& source, const std::string& target, bool top);
  bool plan_file(const Node& node, const std::string& source, const std::string& target);
  std::optional<struct stat> look_below(const std::string& path) const;

  Owner owner() const { return options_.owner.value_or(Owner{}); }
  uint32_t mode_of(const Node& node) const;
  void make_directories(int upper) const;
  void make_links(int upper) const;
  void make_files(int upper, const std::string& earlier) const;
  void finish_directories(int upper) const;

  const Context& context_;
  const linux::Root& lower_;
  const CopyOptions options_;
  std::shared_ptr<const std::string> archive_;
  std::map<std::string, Directory> directories_;  // by target; parents come first
  std::vector<File> links_;                       // symlinks
  std::unordered_map<std::string, File> files_;   // by name in the archive
  std::set<std::string> targets_;                 // of links and files
  uint64_t bytes_ = 0;
};

}  // namespace slipway::build
