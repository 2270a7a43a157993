#include "build/select.h"

#include <sys/stat.h>

#include "base/strings.h"

namespace slipway::build {

namespace {

std::string or_root(const std::string& path) {
  return path.empty() ? "." : path;
}

struct RootView {
  const linux::Root& root;
  bool there(const std::string& path) const { return root.lstat(or_root(path)).has_value(); }
  std::optional<bool> directory(const std::string& path) const {
    const auto info = root.stat(or_root(path));
    return info ? std::optional(S_ISDIR(info->st_mode)) : std::nullopt;
  }
  bool real_directory(const std::string& path) const {
    const auto info = root.lstat(or_root(path));
    return info && S_ISDIR(info->st_mode);
  }
  std::vector<std::string> list(const std::string& path) const { return root.list(or_root(path)); }
};

}  // namespace

std::string path_below(const std::string& dir, const std::string& name) {
  return dir.empty() ? name : dir + "/" + name;
}

bool has_wildcard(std::string_view text) {
  return text.find_first_of("*?[") != std::string_view::npos;
}

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

std::vector<std::string> pattern_parts(const std::string& source, bool parents) {
  auto parts = source_parts(source);
  for (auto& part : parts)
    if (!parents && part == "**") part = "*";  // one directory, as Go's filepath.Match has it
  const auto both_deep = [](const auto& a, const auto& b) { return a == "**" && b == "**"; };
  parts.erase(std::unique(parts.begin(), parts.end(), both_deep), parts.end());
  return parts;
}

std::string shown_name(const Selected& source) {
  return path_below(source.kept, source.base_name);
}

std::string tree_hash_head(const std::string& shown, uint32_t mode, uint32_t uid, uint32_t gid,
                           uint64_t size) {
  return fmt::format("{} {} {:o} {} {} {}\n", shown.size(), shown, mode, uid, gid, size);
}

std::vector<Selected> select(const linux::Root& root, const std::string& source, bool parents) {
  return select_in(RootView{root}, source, parents);
}

}  // namespace slipway::build
