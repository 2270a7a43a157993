// The commands of `slipway`, one file each. Each returns the exit code; an Error becomes one line
// on stderr and exit code 1 (cli.cc).
#pragma once
#include <string>
#include <vector>

#include "daemon/options.h"

namespace slipway::cli {

struct UpCommand {
  daemon::Options options;
  bool detach = false;
};
int up(const UpCommand& command, const std::string& program);

struct DownCommand {
  daemon::Options options;
  bool delete_data = false;
};
int down(const DownCommand& command);

int status(const daemon::Options& options, bool json);
struct BuildCommand {
  daemon::Options options;
  std::string path = ".", dockerfile, target, platform, network, id_file;
  std::vector<std::string> tags, build_args, labels, secrets, ssh, cache_from, allow, add_hosts,
      ulimits, outputs, no_cache_stages, security;
  std::vector<std::string> refused;  // options that there are elsewhere: why not here
  std::string progress = "auto", compression = "gzip", memory, memory_swap, shm_size, cgroup_parent,
              cpu_period, cpu_quota, cpu_shares, cpuset_cpus, cpuset_mems;
  bool no_cache = false, pull = false, explain = false, quiet = false;
};
int build(const BuildCommand& command);

// Prints export lines for a shell: eval "$(slipway env)".
int env(const daemon::Options& options);
// Becomes the aws CLI, pointed at Slipway.
int aws(const daemon::Options& options, const std::vector<std::string>& arguments);
int version();

// Parses the command line and runs the command.
int main(int argc, char** argv);

}  // namespace slipway::cli
