#include "container/accounts.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/strings.h"
#include "linux/rooted.h"

namespace slipway::container {
namespace {

struct User {
  std::string name, home;
  uint32_t uid = 0, gid = 0;
};
struct Group {
  std::string name;
  uint32_t gid = 0;
  std::vector<std::string> members;
};

std::optional<uint32_t> parse_id(std::string_view text) {
  const auto value = parse_uint(text);
  if (!value || *value > 0x7fffffff) return std::nullopt;
  return static_cast<uint32_t>(*value);
}

// Malformed lines are skipped, as libc does.
template <typename Fn>
void each_line(std::string_view text, size_t min_fields, Fn fn) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#') continue;
    const auto fields = split(line, ':');
    if (fields.size() >= min_fields) fn(fields);
  }
}

template <typename Match>
std::optional<User> find_user(std::string_view passwd, Match match) {
  std::optional<User> found;
  each_line(passwd, 4, [&](const std::vector<std::string>& fields) {
    if (found) return;
    const auto uid = parse_id(fields[2]), gid = parse_id(fields[3]);
    if (!uid || !gid) return;
    User user{fields[0], fields.size() > 5 ? fields[5] : "", *uid, *gid};
    if (match(user)) found = std::move(user);
  });
  return found;
}

std::vector<Group> read_groups(std::string_view text) {
  std::vector<Group> groups;
  each_line(text, 3, [&](const std::vector<std::string>& fields) {
    const auto gid = parse_id(fields[2]);
    if (!gid) return;
    Group group{fields[0], *gid, {}};
    if (fields.size() > 3) group.members = split(fields[3], ',');
    groups.push_back(std::move(group));
  });
  return groups;
}

User resolve_name(std::string_view name, std::string_view passwd) {
  if (name.empty()) {
    auto root = find_user(passwd, [](const User& user) { return user.uid == 0; });
    return root.value_or(User{"", "", 0, 0});
  }
  // A name wins over a number, as in Docker.
  if (auto user = find_user(passwd, [&](const User& u) { return u.name == name; })) return *user;
  const auto uid = parse_id(name);
  if (!uid)
    throw invalid_argument("unable to find user {}: no matching entries in passwd file", name);
  if (auto user = find_user(passwd, [&](const User& u) { return u.uid == *uid; })) return *user;
  return User{"", "", *uid, 0};
}

uint32_t resolve_group(std::string_view name, const std::vector<Group>& groups) {
  for (const Group& group : groups) {
    if (group.name == name) return group.gid;
  }
  const auto gid = parse_id(name);
  if (!gid)
    throw invalid_argument("unable to find group {}: no matching entries in group file", name);
  return *gid;
}

}  // namespace

Identity resolve_user(std::string_view user, std::string_view passwd, std::string_view group) {
  const auto [name, group_name] = split_once(user, ':');
  const User found = resolve_name(name, passwd);
  const auto groups = read_groups(group);
  Identity identity{found.uid, found.gid, {}, found.home.empty() ? "/" : found.home};
  // The primary group stands among the additional ones too: else a process could drop it and with
  // it what a file's group forbids.
  if (!group_name.empty()) {
    identity.gid = resolve_group(group_name, groups);
    identity.additional_gids = {identity.gid};
    return identity;
  }
  identity.additional_gids = {identity.gid};
  if (found.name.empty()) return identity;
  for (const Group& entry : groups) {
    const bool member =
        std::find(entry.members.begin(), entry.members.end(), found.name) != entry.members.end();
    if (member && entry.gid != identity.gid) identity.additional_gids.push_back(entry.gid);
  }
  return identity;
}

uint32_t resolve_group(std::string_view name, std::string_view group) {
  return resolve_group(name, read_groups(group));
}

Identity resolve_user_in(const std::string& root_directory, std::string_view user) {
  constexpr size_t kLimit = 4u << 20;
  const linux::Root root(root_directory);
  const auto read = [&](std::string_view path) -> std::string {
    // Non-blocking, and anything but a plain file counts as absent: a FIFO must not hold us up.
    const auto file = root.open_if_exists(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    struct stat info {};
    if (!file || ::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
    std::string text(static_cast<size_t>(std::min<off_t>(info.st_size, kLimit)), '\0');
    size_t size = 0;
    while (size < text.size()) {
      const size_t got = read_some(file->get(), std::span(text).subspan(size));
      if (got == 0) break;
      size += got;
    }
    text.resize(size);
    return text;
  };
  return resolve_user(user, read("/etc/passwd"), read("/etc/group"));
}

}  // namespace slipway::container
