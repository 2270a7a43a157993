#include "build/tar_index.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "build/select.h"
#include "codec/hash.h"
#include "codec/tar.h"

namespace slipway::build {

namespace {

using Node = TarIndex::Node;

constexpr size_t kMostNodes = 500'000, kMostText = 2u << 20, kMostFile = 128u << 20;

struct NotPlain {};  // thrown: a file system must answer

bool is_link(const Node& node) {
  return S_ISLNK(node.mode);
}

// nullptr: not there. The last component itself is not followed.
const Node* find_node(const Node& root, const std::string& path) {
  const Node* at = &root;
  for (const auto& part : split(path, '/')) {
    if (part.empty()) continue;
    if (is_link(*at)) throw NotPlain{};
    const auto child = at->children.find(part);
    if (child == at->children.end()) return nullptr;
    at = child->second.get();
  }
  return at;
}

// The tree as select_in wants to see it.
struct IndexView {
  const Node& root;
  bool there(const std::string& path) const { return find_node(root, path) != nullptr; }
  std::optional<bool> directory(const std::string& path) const {
    const Node* node = find_node(root, path);
    if (node == nullptr) return std::nullopt;
    if (is_link(*node)) throw NotPlain{};
    return S_ISDIR(node->mode);
  }
  bool real_directory(const std::string& path) const {
    const Node* node = find_node(root, path);
    return node != nullptr && S_ISDIR(node->mode);
  }
  std::vector<std::string> list(const std::string& path) const {
    std::vector<std::string> out;
    for (const auto& [name, child] : find_node(root, path)->children) out.push_back(name);
    return out;
  }
};

class IndexHash {
 public:
  IndexHash(const Ignore* excludes, FileSums* files) : excludes_(excludes), files_(files) {}

  void add(const Node& node, const std::string& path, const std::string& shown,
           const std::string& filtered) {
    if (excluded(node, filtered)) return;
    std::string text = tree_hash_head(shown, node.mode, node.uid, node.gid, node.size);
    text += S_ISREG(node.mode) ? node.sum : node.link;
    hash_.update(text);
    if (files_ != nullptr && !S_ISDIR(node.mode))
      files_->emplace_back(path, sha256_hex(text).substr(0, 16));
    for (const auto& [name, child] : node.children)
      add(*child, joined(path, name), joined(shown, name), joined(filtered, name));
  }
  std::string hex() { return hash_.hex(); }

 private:
  static std::string joined(const std::string& dir, const std::string& name) {
    return dir.empty() ? name : dir + "/" + name;
  }
  bool excluded(const Node& node, const std::string& path) const {
    if (excludes_ == nullptr || path.empty() || !excludes_->excludes(path)) return false;
    if (!S_ISDIR(node.mode) || !excludes_->has_exceptions()) return true;
    for (const auto& [name, child] : node.children)
      if (!excluded(*child, path + "/" + name)) return false;
    return true;
  }

  const Ignore* excludes_;
  FileSums* files_;
  Hasher hash_;
};

// What is left of a directory's children; as drop_ignored does it with files.
void drop_nodes(Node& dir, const Ignore& ignore, const std::string& path) {
  for (auto at = dir.children.begin(); at != dir.children.end();) {
    const std::string name = path.empty() ? at->first : path + "/" + at->first;
    Node& node = *at->second;
    const bool out = ignore.excludes(name);
    const bool directory = S_ISDIR(node.mode);
    bool gone = out && (!directory || !ignore.has_exceptions());
    if (!gone && directory) {
      drop_nodes(node, ignore, name);
      gone = out && node.children.empty();
    }
    at = gone ? dir.children.erase(at) : std::next(at);
  }
}

// nullptr: not plain.
std::unique_ptr<Node> node_of(const TarEntry& entry, TarReader& reader, std::string* text) {
  auto node = std::make_unique<Node>();
  node->mode = entry.mode & 07777;
  node->uid = entry.uid;
  node->gid = entry.gid;
  node->mtime = entry.mtime;
  node->mtime_ns = entry.mtime_ns;
  node->implied = false;
  if (entry.type == TarType::directory) {
    node->mode |= S_IFDIR;
  } else if (entry.type == TarType::symlink) {
    node->mode = S_IFLNK | 0777;
    node->link = entry.link_target;
  } else if (entry.type == TarType::file) {
    if (entry.size > kMostFile) return nullptr;  // small in the archive, large outside: sparse
    node->mode |= S_IFREG;
    Hasher hash;
    char buffer[65536];
    while (const size_t n = reader.read(buffer)) {
      hash.update({buffer, n});
      node->size += n;
      if (text != nullptr) text->append(buffer, n);
      if (text != nullptr && text->size() > kMostText) return nullptr;
    }
    node->sum = hash.hex();
  } else if (entry.type == TarType::hardlink || entry.type == TarType::fifo) {
    return nullptr;
  } else {
    throw invalid_argument("the archive holds a device node, which is not allowed: {}", entry.name);
  }
  return node;
}

}  // namespace

std::string safe_name(const std::string& name) {
  if (name.find('\0') != std::string::npos || name.size() > 4096) {
    throw invalid_argument("the archive holds an entry with an impossible name");
  }
  std::vector<std::string> parts;
  for (auto& part : split(name, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..")
      throw invalid_argument("the archive holds a path outside of itself: {}", name);
    parts.push_back(std::move(part));
  }
  return join(parts, "/");
}

bool TarIndex::add(const std::string& name, std::unique_ptr<Node> node) {
  Node* at = &root_;
  const auto parts = split(name, '/');
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    auto& child = at->children[parts[i]];
    if (child == nullptr) child = std::make_unique<Node>();
    if (!S_ISDIR(child->mode)) return false;
    at = child.get();
  }
  auto& place = at->children[parts.back()];
  if (place == nullptr) {
    place = std::move(node);
  } else if (S_ISDIR(place->mode) && S_ISDIR(node->mode)) {  // known by its contents already
    node->children = std::move(place->children);
    place = std::move(node);
  } else {
    return false;
  }
  return true;
}

std::unique_ptr<TarIndex> TarIndex::read(const ByteSource& archive,
                                         const std::set<std::string>& keep) {
  auto out = std::make_unique<TarIndex>();
  TarReader reader(make_decompressor(archive));
  TarEntry entry;
  for (size_t count = 0; reader.next(entry); ++count) {
    const std::string name = safe_name(entry.name);
    if (count > kMostNodes) return nullptr;
    if (name.empty()) continue;
    const bool kept = keep.contains(name) && entry.type == TarType::file;
    std::string text;
    auto node = node_of(entry, reader, kept ? &text : nullptr);
    if (node == nullptr || !out->add(name, std::move(node))) return nullptr;
    if (kept) out->texts_[name] = std::move(text);
  }
  return out;
}

const std::string* TarIndex::text(const std::string& name) const {
  const auto at = texts_.find(name);
  return at == texts_.end() ? nullptr : &at->second;
}

void TarIndex::drop(const Ignore& ignore) {
  drop_nodes(root_, ignore, "");
}

void TarIndex::remove(const std::string& name) {
  root_.children.erase(name);  // only used for names without a folder
}

std::optional<std::vector<Selected>> TarIndex::select(const std::string& pattern) const {
  try {
    return select_in(IndexView{root_}, pattern, false);
  } catch (const NotPlain&) {
    return std::nullopt;
  }
}

const TarIndex::Node* TarIndex::node(const std::string& path) const {
  try {
    return find_node(root_, path);
  } catch (const NotPlain&) {
    return nullptr;
  }
}

std::vector<std::string> TarIndex::names_near(const std::string& path) const {
  const Node* at = &root_;
  for (const auto& part : split(path, '/')) {
    const auto child = at->children.find(part);
    if (child == at->children.end() || !S_ISDIR(child->second->mode)) break;
    at = child->second.get();
  }
  std::vector<std::string> out;
  for (const auto& [name, child] : at->children) out.push_back(name);
  return out;
}

std::optional<std::string> TarIndex::checksum(const std::string& pattern, bool parents,
                                              const Ignore* excludes, FileSums* files) const {
  try {
    IndexHash hash(excludes, files);
    for (const auto& source : select_in(IndexView{root_}, pattern, parents)) {
      const Node* node = find_node(root_, source.path);
      if (source.directory) {
        hash.add(*node, source.path, source.kept, "");
      } else if (excludes == nullptr || !excludes->excludes(source.base_name)) {
        hash.add(*node, source.path, shown_name(source), "");
      }
    }
    return hash.hex();
  } catch (const NotPlain&) {
    if (files != nullptr) files->clear();
    return std::nullopt;
  }
}

}  // namespace slipway::build
