// Wildcards of COPY and ADD, over anything that looks like a tree: there(path), directory(path)
// (following symlinks; nullopt: absent), real_directory(path), list(path).
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "build/files.h"
#include "build/parser/ignore.h"

namespace slipway::build {

std::string path_below(const std::string& dir, const std::string& name);
bool has_wildcard(std::string_view text);
// Cleaned components; refuses a path that climbs above its root.
std::vector<std::string> source_parts(const std::string& source);
// What --parents keeps of a path: all of it, or what stands behind "/./" in the source.
std::string kept_part(const std::string& source, const std::string& path);
// The components of a source; "**" only with parents.
std::vector<std::string> pattern_parts(const std::string& source, bool parents);
// What a file is called below its destination.
std::string shown_name(const Selected& source);
// The line that a tree's checksum has for each entry.
std::string tree_hash_head(const std::string& shown, uint32_t mode, uint32_t uid, uint32_t gid,
                           uint64_t size);

// No file is what a source asks for.
class NothingSelected : public Error {
 public:
  explicit NothingSelected(const std::string& message) : Error(Kind::invalid_argument, message) {}
};

template <typename View>
void expand_wildcards(const View& view, const std::vector<std::string>& parts, size_t depth,
                      const std::string& so_far, std::vector<std::string>& found) {
  if (depth == parts.size()) {
    if (view.there(so_far)) found.push_back(so_far);
    return;
  }
  if (!has_wildcard(parts[depth])) {
    expand_wildcards(view, parts, depth + 1, path_below(so_far, parts[depth]), found);
    return;
  }
  if (!view.directory(so_far).value_or(false)) return;
  const bool deep = parts[depth] == "**";
  if (deep) expand_wildcards(view, parts, depth + 1, so_far, found);
  for (const auto& name : view.list(so_far)) {
    const std::string path = path_below(so_far, name);
    if (deep) {
      if (view.real_directory(path)) expand_wildcards(view, parts, depth, path, found);
    } else if (match_component(parts[depth], name)) {
      expand_wildcards(view, parts, depth + 1, path, found);
    }
  }
}

template <typename View>
std::vector<Selected> select_in(const View& view, const std::string& source, bool parents) {
  std::vector<std::string> found;
  expand_wildcards(view, pattern_parts(source, parents), 0, "", found);
  std::vector<Selected> out;
  for (auto& path : found) {
    const auto directory = view.directory(path);
    if (!directory) continue;
    out.push_back({path, *directory, std::filesystem::path(path).filename(),
                   parents ? kept_part(source, path) : ""});
  }
  if (!out.empty()) return out;
  if (has_wildcard(source))
    throw NothingSelected("no source files were specified: nothing matches " + source);
  throw NothingSelected(fmt::format(
      "file not found in build context or excluded by .dockerignore: stat {}: file does not exist",
      source));
}

}  // namespace slipway::build
