// COPY and ADD: which files of a source tree are meant, a checksum over just those (the cache key),
// and copying them below another root. Both roots are hostile: nothing leaves either.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "build/context.h"
#include "build/parser/ignore.h"
#include "build/parser/modes.h"
#include "linux/rooted.h"

namespace slipway::build {

// One source after wildcards: a path of the source root.
struct Selected {
  std::string path;  // relative, no leading slash; "" is the root itself
  bool directory = false;
  std::string base_name;  // what a copy into a directory is called
  std::string kept;       // --parents: the path that stays below the destination
};

// Expands wildcards. Throws Error(invalid_argument) in Docker's words when nothing matches or the
// path points outside. parents: "**" is any number of directories, and what stands behind "/./" (or
// all of the path) is kept.
std::vector<Selected> select(const linux::Root& root, const std::string& source,
                             bool parents = false);

using FileSums = std::vector<std::pair<std::string, std::string>>;  // path below the source, sha256

// Over names, types, modes, owners, link targets, attributes and contents (not times). excludes:
// paths below the source that are left out; may be null. files: gets each file's own sum.
std::string checksum(const linux::Root& root, const std::vector<Selected>& sources,
                     const Ignore* excludes, FileSums* files = nullptr);

struct CopyOptions {
  std::optional<Owner> owner;  // else 0:0 (or the source's, with keep_owner)
  bool keep_owner = false;
  std::optional<ModeChange> mode;  // --chmod
  bool unpack_archives = false;    // ADD
  const Ignore* excludes = nullptr;
};

// Copies the sources to destination (absolute, below `to`; a trailing slash, an existing directory
// or several sources mean "into"). Missing parents are made, 0755 and owned like the files.
void copy(const linux::Root& from, const std::vector<Selected>& sources, const linux::Root& to,
          const std::string& destination, bool several, const CopyOptions& options);

}  // namespace slipway::build
