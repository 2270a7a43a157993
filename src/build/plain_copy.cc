#include "build/plain_copy.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strings.h"
#include "build/plain_files.h"
#include "build/select.h"
#include "build/tree_walk.h"
#include "codec/tar.h"

namespace slipway::build {

namespace {

constexpr uint64_t kMostPlain = 128u << 20;  // what a sparse or compressed archive may become

std::string plain_parent(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

// "a", "a/b", "a/b/c"
std::vector<std::string> plain_prefixes(const std::string& path) {
  std::vector<std::string> out;
  for (const auto& part : split(path, '/'))
    if (!part.empty()) out.push_back(path_below(out.empty() ? "" : out.back(), part));
  return out;
}

}  // namespace

uint32_t PlainCopy::mode_of(const Node& node) const {
  const uint32_t mode = node.mode & 07777;
  return options_.mode ? options_.mode->apply(mode, S_ISDIR(node.mode)) : mode;
}

// Only below directories that are there are there names to look for.
std::optional<struct stat> PlainCopy::look_below(const std::string& path) const {
  const auto folder = directories_.find(plain_parent(path));
  if (folder != directories_.end() && folder->second.fresh) return std::nullopt;
  return lower_.lstat(path);
}

bool PlainCopy::plan_parents(const std::string& path) {
  for (const auto& prefix : plain_prefixes(path))
    if (!directories_.contains(prefix) && !plan_directory(prefix, nullptr)) return false;
  return true;
}

bool PlainCopy::plan_directory(const std::string& path, const Node* source) {
  if (targets_.contains(path)) return false;
  if (const auto known = directories_.find(path); known != directories_.end()) {
    known->second.source = source;
    return true;
  }
  Directory made;
  made.below = look_below(path);
  made.fresh = !made.below.has_value();
  made.source = source;
  if (made.below && !S_ISDIR(made.below->st_mode)) return false;
  directories_.emplace(path, made);
  return true;
}

// A directory that is named itself keeps its attributes, or gets those of any that is made on the
// way; those below it become what they are in the source.
bool PlainCopy::plan_tree(const Node& node, const std::string& source, const std::string& target,
                          bool top) {
  if (!top && !plan_directory(target, &node)) return false;
  for (const auto& [name, child] : node.children) {
    const std::string from = path_below(source, name), to = path_below(target, name);
    const bool planned =
        S_ISDIR(child->mode) ? plan_tree(*child, from, to, false) : plan_file(*child, from, to);
    if (!planned) return false;
  }
  return true;
}

bool PlainCopy::plan_file(const Node& node, const std::string& source, const std::string& target) {
  if (directories_.contains(target) || !targets_.insert(target).second) return false;
  if (const auto there = look_below(target); there && S_ISDIR(there->st_mode)) return false;
  if (S_ISLNK(node.mode)) {
    links_.push_back({target, &node});
    return true;
  }
  bytes_ += node.size;
  return S_ISREG(node.mode) && bytes_ <= kMostPlain &&
         files_.emplace(source, File{target, &node}).second;
}

bool PlainCopy::plan_source(const Selected& source, const std::string& target, bool into) {
  const Node* node = context_.index()->node(source.path);
  if (node == nullptr) return false;
  if (source.directory) return plan_parents(target) && plan_tree(*node, source.path, target, true);
  const std::string path = into ? path_below(target, source.base_name) : target;
  return S_ISREG(node->mode) && !path.empty() && plan_parents(plain_parent(path)) &&
         plan_file(*node, source.path, path);
}

bool PlainCopy::plan(const std::vector<std::string>& patterns, const std::string& destination,
                     bool add) {
  archive_ = context_.archive();
  if (archive_ == nullptr || context_.index() == nullptr) return false;
  std::string target = std::filesystem::path(destination).lexically_normal().relative_path();
  if (target.ends_with('/')) target.pop_back();
  if (target == ".") target.clear();
  bool into = destination.ends_with('/') || destination.ends_with("/.") || patterns.size() > 1 ||
              target.empty();
  for (const auto& prefix : plain_prefixes(target)) {
    const auto there = lower_.lstat(prefix);
    if (!there) break;
    const bool directory = S_ISDIR(there->st_mode);
    if (!directory && (prefix != target || !S_ISREG(there->st_mode))) return false;
    if (directory && prefix == target) into = true;
  }
  for (const auto& pattern : patterns) {
    const auto sources = context_.index()->select(pattern);
    if (!sources) return false;
    for (const auto& source : *sources) {
      if (add && !source.directory) return false;
      if (!plan_source(source, target, into || sources->size() > 1)) return false;
    }
  }
  return true;
}

void PlainCopy::make_directories(int upper) const {
  for (const auto& [path, made] : directories_) {
    check(::mkdirat(upper, path.c_str(), 0700), "make {}", path);
    if (made.fresh) continue;
    const Fd fd(::openat(upper, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    check(fd.get(), "open {}", path);
    for (const auto& [name, value] : read_xattrs(lower_.open(path, O_RDONLY | O_DIRECTORY).get()))
      check(::fsetxattr(fd.get(), name.c_str(), value.data(), value.size(), 0), "set {} of {}",
            name, path);
  }
}

// Last, and the deepest first: making what is in a directory needs rights and changes its time.
void PlainCopy::finish_directories(int upper) const {
  for (auto at = directories_.rbegin(); at != directories_.rend(); ++at) {
    const auto& [path, made] = *at;
    Owner wanted = owner();
    uint32_t mode = 0755;
    if (made.source != nullptr) {
      mode = mode_of(*made.source);
    } else if (made.below) {
      wanted = {made.below->st_uid, made.below->st_gid};
      mode = made.below->st_mode & 07777;
    }
    check(::fchownat(upper, path.c_str(), wanted.uid, wanted.gid, AT_SYMLINK_NOFOLLOW),
          "change the owner of {}", path);
    check(::fchmodat(upper, path.c_str(), mode, 0), "change the mode of {}", path);
    if (made.source != nullptr && !made.source->implied) set_plain_times(upper, path, *made.source);
  }
}

void PlainCopy::make_links(int upper) const {
  const Owner wanted = owner();
  for (const auto& link : links_) {
    check(::symlinkat(link.node->link.c_str(), upper, link.target.c_str()), "make the symlink {}",
          link.target);
    check(::fchownat(upper, link.target.c_str(), wanted.uid, wanted.gid, AT_SYMLINK_NOFOLLOW),
          "change the owner of {}", link.target);
    set_plain_times(upper, link.target, *link.node);
  }
}

void PlainCopy::make_files(int upper, const std::string& earlier) const {
  PlainFiles maker(upper, earlier);
  TarReader reader(make_decompressor(source_of_string(*archive_)));
  TarEntry entry;
  for (size_t left = files_.size(); left > 0;) {
    if (!reader.next(entry)) throw internal("the build context lacks files that it had before");
    if (entry.type != TarType::file) continue;
    const auto found = files_.find(safe_name(entry.name));
    if (found == files_.end()) continue;
    const auto& [target, node] = found->second;
    maker.make(target, *node, mode_of(*node), owner(), reader);
    --left;
  }
}

void PlainCopy::write(const std::string& upper, const std::string& earlier) const {
  const Fd root = open_file(upper, O_RDONLY | O_DIRECTORY);
  make_directories(root.get());
  make_files(root.get(), earlier);
  make_links(root.get());
  finish_directories(root.get());
}

}  // namespace slipway::build
