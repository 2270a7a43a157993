// How one Slipway runs: where it keeps things and where it listens. Filled by the CLI.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace slipway::daemon {

constexpr const char* version = "0.1.0";

struct Options {
  std::string data_dir = "/var/lib/slipway";  // everything that must survive a reboot
  std::string run_dir = "/run/slipway";  // sockets, pid files, pinned namespaces: gone at reboot
  std::string listen = "127.0.0.1";      // of the AWS APIs and the registry
  uint16_t port = 4566;
  std::string account = "123456789012";
  std::string region = "us-east-1";
  std::string log_file;                      // empty: stderr
  uint64_t build_cache_bytes = 10ull << 30;  // the most that the build cache may keep
  bool debug = false;
  std::vector<std::string> registry_mirrors;     // of Docker Hub
  std::vector<std::string> insecure_registries;  // that speak plain HTTP

  std::string docker_socket() const { return run_dir + "/docker.sock"; }
  std::string admin_socket() const { return run_dir + "/slipway.sock"; }
  std::string instance_file() const { return run_dir + "/instance.json"; }
};

// What a running daemon leaves in instance_file(), for the other commands.
struct Instance {
  int pid = 0;
  uint64_t start_time = 0;  // of the process, so that a reused pid is not taken for it
  std::string version, started_at, endpoint;
  Options options;
  bool alive() const;
};
void write_instance(const Options& options, const Instance& instance);
// nullopt when no daemon was ever started with this run directory (or it went down in order).
std::optional<Instance> read_instance(const std::string& run_dir);

}  // namespace slipway::daemon
