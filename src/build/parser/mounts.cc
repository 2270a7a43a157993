#include "build/parser/mounts.h"

#include <map>

#include "base/strings.h"
#include "build/parser/dockerfile.h"

namespace slipway::build {

namespace {

using Type = RunMount::Type;

// a,b,"c,d": a quoted field may hold commas; "" in it is a quote.
std::vector<std::string> csv_fields(std::string_view text, int line) {
  std::vector<std::string> fields(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ',') {
      fields.emplace_back();
    } else if (text[i] == '"' && fields.back().empty()) {
      for (++i;; ++i) {
        if (i >= text.size())
          throw DockerfileError(line, fmt::format("RUN --mount: missing \" in '{}'", text));
        if (text[i] == '"' && (i + 1 >= text.size() || text[i + 1] != '"')) break;
        if (text[i] == '"') ++i;
        fields.back() += text[i];
      }
    } else {
      fields.back() += text[i];
    }
  }
  return fields;
}

Type mount_type(const std::string& name, int line) {
  static const std::map<std::string, Type> types = {{"bind", Type::bind},
                                                    {"cache", Type::cache},
                                                    {"tmpfs", Type::tmpfs},
                                                    {"secret", Type::secret},
                                                    {"ssh", Type::ssh}};
  const auto at = types.find(name);
  if (at == types.end())
    throw DockerfileError(line, fmt::format("RUN --mount: unsupported mount type \"{}\" (bind, "
                                            "cache, tmpfs, secret or ssh)",
                                            name));
  return at->second;
}

bool truth(const std::string& key, const std::string& value, int line) {
  const std::string low = to_lower(value);
  if (low.empty() || low == "true" || low == "1") return true;
  if (low == "false" || low == "0") return false;
  throw DockerfileError(line, fmt::format("RUN --mount: invalid value for {}: {}", key, value));
}

uint32_t number(const std::string& key, const std::string& value, int line, int base) {
  uint32_t out = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out, base);
  if (error != std::errc() || end != value.data() + value.size() || (base == 8 && out > 07777))
    throw DockerfileError(line, fmt::format("RUN --mount: invalid value for {}: {}", key, value));
  return out;
}

// Which types a key is for; empty: unknown.
std::string_view allowed_types(const std::string& key) {
  static const std::map<std::string_view, std::string_view> keys = {
      {"type", "bind cache tmpfs secret ssh"},
      {"from", "bind cache"},
      {"source", "bind cache secret ssh"},
      {"target", "bind cache tmpfs secret ssh"},
      {"readonly", "bind cache tmpfs secret ssh"},
      {"readwrite", "bind cache tmpfs"},
      {"id", "cache secret ssh"},
      {"sharing", "cache"},
      {"required", "secret ssh"},
      {"size", "tmpfs"},
      {"mode", "cache tmpfs secret ssh"},
      {"uid", "cache secret ssh"},
      {"gid", "cache secret ssh"}};
  const auto at = keys.find(key);
  return at == keys.end() ? "" : at->second;
}

std::string plain_key(std::string_view key) {
  static const std::map<std::string, std::string> aliases = {{"src", "source"},
                                                             {"dst", "target"},
                                                             {"destination", "target"},
                                                             {"ro", "readonly"},
                                                             {"rw", "readwrite"}};
  const std::string low = to_lower(key);
  const auto at = aliases.find(low);
  return at == aliases.end() ? low : at->second;
}

void set_key(RunMount& mount, const std::string& key, const std::string& value, int line) {
  if (key == "from") mount.from = value;
  if (key == "source") mount.source = value;
  if (key == "target") mount.target = value;
  if (key == "id") mount.id = value;
  if (key == "readonly") mount.read_only = truth(key, value, line);
  if (key == "readwrite") mount.read_only = !truth(key, value, line);
  if (key == "required") mount.required = truth(key, value, line);
  if (key == "mode") mount.mode = number(key, value, line, 8);
  if (key == "uid") mount.uid = number(key, value, line, 10);
  if (key == "gid") mount.gid = number(key, value, line, 10);
  if (key == "sharing") {
    if (value != "shared" && value != "private" && value != "locked")
      throw DockerfileError(line, fmt::format("RUN --mount: unsupported sharing value \"{}\" "
                                              "(shared, private or locked)",
                                              value));
    mount.sharing = value;
  }
  if (key == "size") {
    const auto bytes = parse_bytes(value);
    if (!bytes)
      throw DockerfileError(line, fmt::format("RUN --mount: invalid value for size: {}", value));
    mount.size = *bytes;
  }
}

void check_whole(RunMount& mount, std::string_view text, int line) {
  const bool needs_target =
      mount.type == Type::bind || mount.type == Type::cache || mount.type == Type::tmpfs;
  if (needs_target && mount.target.empty())
    throw DockerfileError(line, fmt::format("RUN --mount: target is required in '{}'", text));
  if (mount.type == Type::cache && mount.from.empty() && !mount.source.empty())
    throw DockerfileError(line, "RUN --mount: a cache's source needs a from");
  if (mount.type == Type::secret || mount.type == Type::ssh) {
    if (mount.id.empty()) mount.id = mount.source;
    if (mount.id.empty() && mount.type == Type::ssh) mount.id = "default";
    if (mount.id.empty()) mount.id = mount.target.substr(mount.target.rfind('/') + 1);
    if (mount.id.empty())
      throw DockerfileError(line, "RUN --mount: a secret needs an id or a target");
  }
  if (mount.type == Type::cache && mount.id.empty()) mount.id = mount.target;
  if (mount.type == Type::cache && mount.sharing.empty()) mount.sharing = "shared";
}

std::pair<std::string, std::string> key_value(const std::string& field) {
  auto [key, value] = split_once(field, '=');
  return {plain_key(trim(key)), std::string(value)};
}

}  // namespace

RunMount parse_run_mount(std::string_view text, int line) {
  RunMount mount;
  const auto fields = csv_fields(text, line);
  for (const auto& field : fields) {
    const auto [key, value] = key_value(field);
    if (key == "type") mount.type = mount_type(to_lower(value), line);
  }
  mount.read_only = mount.type == Type::bind;
  static constexpr std::string_view names[] = {"bind", "cache", "tmpfs", "secret", "ssh"};
  const std::string_view name = names[static_cast<size_t>(mount.type)];
  for (const auto& field : fields) {
    const auto [key, value] = key_value(field);
    if (key == "env")
      throw DockerfileError(line,
                            "RUN --mount: env is not supported by this builder: give the "
                            "secret a target and read the file");
    const auto types = split(allowed_types(key), ' ');
    if (std::find(types.begin(), types.end(), name) == types.end())
      throw DockerfileError(
          line, fmt::format("RUN --mount: unexpected key '{}' for mount type '{}'", key, name));
    if (key != "type") set_key(mount, key, value, line);
  }
  check_whole(mount, text, line);
  return mount;
}

std::string mount_source_stage(std::string_view text, int line) {
  for (const auto& field : csv_fields(text, line)) {
    const auto [key, value] = key_value(field);
    if (key != "from") continue;
    if (value.find('$') != std::string::npos)
      throw DockerfileError(line, fmt::format("RUN --mount: '{}' in from doesn't support variable "
                                              "expansion, define an alias stage instead",
                                              value));
    return value;
  }
  return "";
}

}  // namespace slipway::build
