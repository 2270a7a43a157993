// COPY and ADD: which files of a source tree are meant, a checksum over just those (the cache key),
// and copying them below another root. Both roots are hostile: nothing leaves either.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "build/context.h"
#include "build/parser/ignore.h"
#include "linux/rooted.h"

namespace slipway::build {

// One source after wildcards: a path of the source root.
struct Selected {
  std::string path;  // relative, no leading slash; "" is the root itself
  bool directory = false;
  std::string base_name;  // what a copy into a directory is called
};

// Expands wildcards. Throws Error(invalid_argument) in Docker's words when nothing matches or the
// path points outside. ignore may be null.
std::vector<Selected> select(const linux::Root& root, const std::string& source,
                             const Ignore* ignore);

// Over names, types, modes, owners, link targets and contents (not times).
std::string checksum(const linux::Root& root, const std::vector<Selected>& sources,
                     const Ignore* ignore);

struct CopyOptions {
  std::optional<Owner> owner;  // else 0:0 (or the source's, with keep_owner)
  bool keep_owner = false;
  std::optional<uint32_t> mode;  // --chmod
  bool unpack_archives = false;  // ADD
  const Ignore* ignore = nullptr;
};

// Copies the sources to destination (absolute, below `to`; a trailing slash, an existing directory
// or several sources mean "into"). Missing parents are made, 0755 and owned like the files.
void copy(const linux::Root& from, const std::vector<Selected>& sources, const linux::Root& to,
          const std::string& destination, bool several, const CopyOptions& options);

}  // namespace slipway::build
