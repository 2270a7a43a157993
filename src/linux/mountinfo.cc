// Reading /proc/self/mountinfo.
#include "base/files.h"
#include "base/strings.h"
#include "linux/mounts.h"

namespace slipway::linux {
namespace {

// The kernel writes blank, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  std::string out;
  auto octal = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '7'; };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::optional<MountEntry> parse_line(std::string_view line) {
  const auto fields = split(line, ' ');
  // 36 35 98:0 /root /target options [tags...] - type source superoptions
  const auto dash = std::find(fields.begin(), fields.end(), "-");
  if (fields.size() < 10 || dash - fields.begin() < 6 || fields.end() - dash < 3)
    return std::nullopt;
  const auto id = parse_uint(fields[0]);
  const auto parent = parse_uint(fields[1]);
  if (!id || !parent) return std::nullopt;
  MountEntry entry;
  entry.id = *id;
  entry.parent = *parent;
  entry.root = unescape(fields[3]);
  entry.target = unescape(fields[4]);
  entry.options = fields[5];
  entry.type = *(dash + 1);
  entry.source = unescape(*(dash + 2));
  if (fields.end() - dash > 3) entry.super_options = *(dash + 3);
  return entry;
}

bool at_or_below(std::string_view path, std::string_view prefix) {
  if (prefix.empty() || prefix == "/") return true;
  while (prefix.size() > 1 && prefix.back() == '/') prefix.remove_suffix(1);
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  for (const auto& line : split(text, '\n')) {
    if (auto entry = parse_line(line)) entries.push_back(std::move(*entry));
  }
  return entries;
}

std::vector<MountEntry> list_mounts(std::string_view prefix) {
  // Of this thread: a thread may have a mount namespace of its own.
  auto entries = parse_mountinfo(read_file("/proc/thread-self/mountinfo"));
  std::erase_if(entries, [&](const auto& entry) { return !at_or_below(entry.target, prefix); });
  return entries;
}

bool is_mount_point(const std::string& path) {
  const auto entries = list_mounts(path);
  return std::any_of(entries.begin(), entries.end(),
                     [&](const auto& entry) { return entry.target == path; });
}

}  // namespace slipway::linux
