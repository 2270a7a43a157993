// What is kept of a container: the record in the store's "containers" table and its JSON form. No
// behaviour.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "container/engine.h"
#include "store/table.h"

namespace slipway::container {

// A mount of a container once names and defaults are resolved.
struct ResolvedMount {
  std::string type;         // bind, volume, tmpfs
  std::string name;         // the volume's name
  std::string source;       // host path (tmpfs: "tmpfs")
  std::string target;       // path in the container
  std::string propagation;  // rprivate when empty
  bool read_only = false;
  bool anonymous = false;  // a volume that belongs to the container (rm -v removes it)
  std::vector<std::string> options;
  bool no_copy = false;
  bool recursive = true, read_only_recursive = false;  // of a bind
  std::string subpath;                                 // of a volume
};

struct Record {
  Info info;
  std::vector<ResolvedMount> mounts;
  std::string stop_signal;  // resolved: spec, image, SIGTERM
  bool manually_stopped = false;
  int restart_attempts = 0;   // in a row, for the back-off
  uint64_t start_number = 0;  // counts starts: an exit belongs to one of them
};

void to_json(nlohmann::json& json, const Record& record);
void from_json(const nlohmann::json& json, Record& record);

inline constexpr store::Table<Record> records{"containers"};

std::optional<Status> parse_status(std::string_view text);

}  // namespace slipway::container
