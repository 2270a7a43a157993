// The processes of a container, as `ps -ef` lists them, or as ps itself does with other options.
#pragma once
#include <set>
#include <string>

#include "codec/json.h"

namespace slipway::docker {

// Those in the container's control group and below. arguments: ps's, "" or "-ef" is done without
// it.
Json processes_json(int first_pid, const std::string& container_id, const std::string& arguments);
// The group of a process, from its /proc/PID/cgroup: in version 1's hierarchy of pids, which every
// runtime uses, or in version 2's. Nested groups are below it. Pure; public for tests.
std::string group_in(const std::string& proc_cgroup);
// The container's own group, from the path of one that may be below it. Pure; public for tests.
std::string container_group(const std::string& group, const std::string& container_id);
// The rows of ps's output whose PID is among these. Throws Error(invalid_argument) when the output
// has no such column. Pure; public for tests.
Json select_processes(const std::string& ps_output, const std::set<int64_t>& pids);

}  // namespace slipway::docker
