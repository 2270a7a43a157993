// Wildcards of COPY and ADD.
#include <filesystem>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strings.h"
#include "build/files.h"

namespace slipway::build {

namespace {

std::string path_below(const std::string& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

// Cleaned components; refuses a path that climbs above its root.
std::vector<std::string> source_parts(const std::string& source) {
  std::vector<std::string> parts;
  for (auto& part : split(source, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (parts.empty()) {
        throw invalid_argument("forbidden path outside the build context: {}", source);
      }
      parts.pop_back();
    } else {
      parts.push_back(std::move(part));
    }
  }
  return parts;
}

void expand_wildcards(const linux::Root& root, const std::vector<std::string>& parts, size_t depth,
                      const std::string& so_far, std::vector<std::string>& found) {
  if (depth == parts.size()) {
    if (root.lstat(so_far.empty() ? "." : so_far)) found.push_back(so_far);
    return;
  }
  if (!has_wildcard(parts[depth])) {
    expand_wildcards(root, parts, depth + 1, path_below(so_far, parts[depth]), found);
    return;
  }
  const auto info = root.stat(so_far.empty() ? "." : so_far);
  if (!info || !S_ISDIR(info->st_mode)) return;
  const bool deep = parts[depth] == "**";
  if (deep) expand_wildcards(root, parts, depth + 1, so_far, found);
  for (const auto& name : root.list(so_far.empty() ? "." : so_far)) {
    const std::string path = path_below(so_far, name);
    if (deep) {
      const auto below = root.lstat(path);
      if (below && S_ISDIR(below->st_mode)) expand_wildcards(root, parts, depth, path, found);
    } else if (match_component(parts[depth], name)) {
      expand_wildcards(root, parts, depth + 1, path, found);
    }
  }
}

// What --parents keeps of a path: all of it, or what stands behind "/./" in the source.
std::string kept_part(const std::string& source, const std::string& path) {
  const size_t pivot = source.find("/./");
  if (pivot == std::string::npos) return path;
  size_t skip = source_parts(source.substr(0, pivot)).size();
  std::string_view rest = path;
  for (; skip > 0; --skip) {
    const size_t slash = rest.find('/');
    rest = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
  }
  return std::string(rest);
}

}  // namespace

std::vector<Selected> select(const linux::Root& root, const std::string& source, bool parents) {
  auto parts = source_parts(source);
  for (auto& part : parts)
    if (!parents && part == "**") part = "*";  // one directory, as Go's filepath.Match has it
  const auto both_deep = [](const auto& a, const auto& b) { return a == "**" && b == "**"; };
  parts.erase(std::unique(parts.begin(), parts.end(), both_deep), parts.end());
  std::vector<std::string> found;
  expand_wildcards(root, parts, 0, "", found);
  std::vector<Selected> out;
  for (auto& path : found) {
    const auto info = root.stat(path.empty() ? "." : path);
    if (!info) continue;
    out.push_back({path, S_ISDIR(info->st_mode), std::filesystem::path(path).filename(),
                   parents ? kept_part(source, path) : ""});
  }
  if (out.empty()) {
    if (has_wildcard(source))
      throw invalid_argument("no source files were specified: nothing matches {}", source);
    throw invalid_argument(
        "file not found in build context or excluded by .dockerignore: stat {}: file does not "
        "exist",
        source);
  }
  return out;
}

}  // namespace slipway::build
