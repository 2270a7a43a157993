// Mounts of a container: Binds, Mounts, Volumes, Tmpfs.
#include "base/error.h"
#include "base/strings.h"
#include "docker/create_parts.h"
#include "docker/fields.h"

namespace slipway::docker {

using container::Mount;

namespace {

void read_bind_options(const Json& bind, Mount& out) {
  out.propagation = text_field(bind, "Propagation");
  out.recursive = !flag_field(bind, "NonRecursive");
  out.create_source = flag_field(bind, "CreateMountpoint");
  out.read_only_recursive = !flag_field(bind, "ReadOnlyNonRecursive");
}

void read_tmpfs_options(const Json& tmpfs, Mount& out) {
  out.tmpfs_size = size_field(tmpfs, "SizeBytes");
  if (const auto mode = size_field(tmpfs, "Mode"); mode != 0)
    out.tmpfs_options = fmt::format("mode={:o}", mode);
  const auto& options = member(tmpfs, "Options");  // [["exec"], ["uid", "1000"]]
  if (!options.is_null() && !options.is_array())
    throw invalid_argument("TmpfsOptions.Options must be a list");
  for (const auto& option : options) {
    if (!option.is_array() || option.empty() || option.size() > 2 ||
        !std::all_of(option.begin(), option.end(), [](const auto& w) { return w.is_string(); }))
      throw invalid_argument("TmpfsOptions.Options must hold lists of one or two words");
    if (!out.tmpfs_options.empty()) out.tmpfs_options += ",";
    out.tmpfs_options += option[0].template get<std::string>();
    if (option.size() == 2) out.tmpfs_options += "=" + option[1].template get<std::string>();
  }
}

void read_volume_options(const Json& volume, Mount& out) {
  const auto& driver = object_field(volume, "DriverConfig");
  const auto name = text_field(driver, "Name");
  if (!name.empty() && name != "local")
    throw not_found("error looking up volume plugin {}: plugin \"{}\" not found", name, name);
  out.options = map_field(driver, "Options");
  out.no_copy = flag_field(volume, "NoCopy");
  out.subpath = text_field(volume, "Subpath");
  out.labels = map_field(volume, "Labels");
}

Mount parse_mount(const Json& value) {
  if (!value.is_object()) throw invalid_argument("Mounts must be a list of objects");
  Mount out;
  out.type = text_field(value, "Type");
  out.source = text_field(value, "Source");
  out.target = text_field(value, "Target");
  out.read_only = flag_field(value, "ReadOnly");
  if (out.target.empty()) throw invalid_argument("invalid mount config: field Target is required");
  read_bind_options(object_field(value, "BindOptions"), out);
  read_tmpfs_options(object_field(value, "TmpfsOptions"), out);
  read_volume_options(object_field(value, "VolumeOptions"), out);
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
                    [&target = target](const auto& m) { return m.target == target; })) {
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
  if (parts.size() == 1 && text.starts_with('/')) {  // an anonymous volume there
    Mount out;
    out.type = "volume";
    out.target = text;
    return out;
  }
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
    } else if (option == "nocopy" && out.type == "volume") {
      out.no_copy = true;
    } else if (option != "rw" && option != "z" && option != "Z" && option != "") {
      throw invalid_argument("invalid volume specification: '{}': option \"{}\" is not supported",
                             text, option);
    }
  }
  return out;
}

}  // namespace slipway::docker
