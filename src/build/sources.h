// The sources of one COPY or ADD: found, fetched and hashed only when it must be. Downloads and
// heredocs become files of a folder of their own.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "build/explain.h"
#include "build/files.h"
#include "build/job.h"
#include "build/mounted_tree.h"

namespace slipway::build {

bool is_url(const std::string& text);
bool is_git_url(const std::string& text);

class CopySources {
 public:
  explicit CopySources(Job& job) : job_(job) {}
  ~CopySources();
  CopySources(const CopySources&) = delete;
  CopySources& operator=(const CopySources&) = delete;

  // From another stage or an image instead of the context.
  void set_tree(const StageResult& tree, const std::string& name) {
    from_ = tree;
    from_name_ = name;
  }
  void set_excludes(const std::vector<std::string>& patterns);
  void add_pattern(const std::string& pattern, bool parents);
  void add_heredoc(const std::string& name, const std::string& content);
  void add_url(const std::string& url, const std::string& checksum);

  size_t count() const { return items_.size(); }
  // What is known without reading a file; nullopt when that says nothing about the contents.
  std::optional<std::string> definition() const;
  // A checksum for each source; names each file in parts.
  std::vector<std::string> sums(Parts& parts);
  // unpack: archives of the context become their contents; of everything when said so.
  void write(const linux::Root& to, const std::string& destination, const CopyOptions& options,
             bool unpack_local, bool unpack_remote);

  // The same straight into a layer's directory, where that needs no file of the context to be
  // unpacked (plain_copy.h); false: it is not that simple, nothing was done. lower: the tree below;
  // earlier: asked for a layer that may have the same files.
  bool write_plain(const linux::Root& lower, const std::string& destination,
                   const CopyOptions& options, bool add, const std::string& upper,
                   const std::function<std::string()>& earlier) const;

 private:
  enum class Kind { pattern, heredoc, url };
  struct Item {
    Kind kind = Kind::pattern;
    std::string text, content, checksum;
    bool parents = false;
    std::vector<Selected> files{};
  };
  void resolve();
  void resolve_one(Item& item);
  void select_in_tree(Item& item);
  const linux::Root& root_of(const Item& item) const;
  const linux::Root& extra();

  Job& job_;
  std::optional<StageResult> from_;
  std::string from_name_;
  Ignore excludes_;
  std::vector<Item> items_;
  std::string dir_;  // of downloads and heredocs
  std::unique_ptr<linux::Root> extra_;
  std::unique_ptr<MountedTree> tree_;
};

}  // namespace slipway::build
