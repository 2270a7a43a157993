// Mounts of a container: Binds, Mounts, Volumes, Tmpfs.
#include "base/error.h"
#include "base/strings.h"
#include "docker/create_parts.h"
#include "docker/fields.h"

namespace slipway::docker {

using container::Mount;

namespace {

Mount parse_mount(const Json& value) {
  if (!value.is_object()) throw invalid_argument("Mounts must be a list of objects");
  Mount out;
  out.type = text_field(value, "Type");
  out.source = text_field(value, "Source");
  out.target = text_field(value, "Target");
  out.read_only = flag_field(value, "ReadOnly");
  if (out.target.empty()) throw invalid_argument("invalid mount config: field Target is required");
  const auto& bind = object_field(value, "BindOptions");
  out.propagation = text_field(bind, "Propagation");
  const auto& tmpfs = object_field(value, "TmpfsOptions");
  out.tmpfs_size = size_field(tmpfs, "SizeBytes");
  const auto& volume = object_field(value, "VolumeOptions");
  if (!is_default(member(volume, "DriverConfig")) || !is_default(member(volume, "Subpath")) ||
      flag_field(volume, "NoCopy")) {
    throw unimplemented("VolumeOptions of the mount at {} are not implemented", out.target);
  }
  return out;
}

}  // namespace

void read_mounts(const Json& body, const Json& host, CreateRequest& out) {
  for (const auto& text : list_field(host, "Binds")) {
    auto mount = parse_bind(text);
    if (mount.type == "bind") out.bind_sources.push_back(mount.source);
    out.spec.mounts.push_back(std::move(mount));
  }
  const auto& mounts = member(host, "Mounts");
  if (!mounts.is_null() && !mounts.is_array()) throw invalid_argument("Mounts must be a list");
  for (const auto& value : mounts) out.spec.mounts.push_back(parse_mount(value));
  // {"/path": {}}: anonymous volumes, unless something is mounted there already.
  for (const auto& [target, unused] : object_field(body, "Volumes").items()) {
    const auto& known = out.spec.mounts;
    if (std::any_of(known.begin(), known.end(),
                    [&](const auto& m) { return m.target == target; })) {
      continue;
    }
    Mount mount;
    mount.type = "volume";
    mount.target = target;
    out.spec.mounts.push_back(std::move(mount));
  }
  for (const auto& [path, options] : map_field(host, "Tmpfs")) {
    out.spec.tmpfs.push_back(options.empty() ? path : path + ":" + options);
  }
}

Mount parse_bind(const std::string& text) {
  const auto parts = split(text, ':');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].empty() || !parts[1].starts_with('/')) {
    throw invalid_argument("invalid volume specification: '{}'", text);
  }
  Mount out;
  out.type = parts[0].starts_with('/') ? "bind" : "volume";
  out.source = parts[0];
  out.target = parts[1];
  if (parts.size() < 3) return out;
  static const std::set<std::string> propagations = {"private", "rprivate", "shared",
                                                     "rshared", "slave",    "rslave"};
  for (const auto& option : split(parts[2], ',')) {
    if (option == "ro" || option == "readonly") {
      out.read_only = true;
    } else if (propagations.contains(option)) {
      out.propagation = option;
    } else if (option != "rw" && option != "z" && option != "Z" && option != "") {
      throw invalid_argument("invalid volume specification: '{}': option \"{}\" is not supported",
                             text, option);
    }
  }
  return out;
}

}  // namespace slipway::docker
