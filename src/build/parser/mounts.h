// The text behind RUN --mount=: which mount it asks for, every key checked. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace slipway::build {

struct RunMount {
  enum class Type { bind, cache, tmpfs, secret, ssh };
  Type type = Type::bind;
  std::string id, from, source, target, sharing;
  bool read_only = false, required = false;
  uint64_t size = 0;  // tmpfs: 0 is no limit
  std::optional<uint32_t> mode, uid, gid;
};

// text: variables are expanded already. Throws DockerfileError naming the key.
RunMount parse_run_mount(std::string_view text, int line);
// The stage or image that a mount reads from; empty when none. Variables are not allowed there.
std::string mount_source_stage(std::string_view text, int line);

}  // namespace slipway::build
