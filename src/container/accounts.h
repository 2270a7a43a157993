// Who a container's process runs as: "user[:group]" looked up in the root filesystem's own
// /etc/passwd and /etc/group. Pure on the files' text; never asks the host's accounts.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::container {

struct Identity {
  uint32_t uid = 0, gid = 0;
  std::vector<uint32_t> additional_gids;
  std::string home = "/";
};

// Numeric ids need no entry. Throws Error(invalid_argument) with Docker's words ("unable to find
// user x: no matching entries in passwd file").
Identity resolve_user(std::string_view user, std::string_view passwd, std::string_view group);
// A group's number by its name or number.
uint32_t resolve_group(std::string_view name, std::string_view group);
// The same with the files read below a root directory, no symlink leaving it.
Identity resolve_user_in(const std::string& root_directory, std::string_view user);

}  // namespace slipway::container
