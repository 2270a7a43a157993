// Limits of a container: which are sensible, which this machine knows, and changing them while it
// runs. The texts are Docker's.
#pragma once
#include <string>
#include <vector>

#include "container/engine.h"
#include "linux/cgroups.h"

namespace slipway::container {

// Throws Error(invalid_argument).
void check_limits(const Spec& spec, int cpus);
// Takes out what the machine does not know; a warning for each.
std::vector<std::string> drop_unknown_limits(Spec& spec, const linux::Cgroups& cgroups);
// "0-2,5"; nullopt when malformed.
std::optional<std::set<int>> parse_cpu_list(std::string_view text);
// Ulimits that this process could not pass on are cut to its own; a warning for each.
std::vector<std::string> cut_ulimits(std::vector<Ulimit>& ulimits, bool may_raise);

// The container's limits with the changes; throws when they do not go together.
Spec apply_changes(const Spec& spec, const Changes& changes);

}  // namespace slipway::container
