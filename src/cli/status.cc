// slipway status: what runs, in human words.
#include "cli/client.h"
#include "cli/commands.h"
#include "codec/json.h"

namespace slipway::cli {

namespace {

void print_services(const Json& status) {
  for (const auto& cluster : status.at("clusters")) {
    fmt::print("\nCluster {}: {} tasks running, {} pending\n",
               cluster.at("name").get<std::string>(), cluster.at("running").get<int>(),
               cluster.at("pending").get<int>());
    for (const auto& service : cluster.at("services")) {
      fmt::print("  service {:<20} {}/{} running   {:<24} {}\n",
                 service.at("name").get<std::string>(), service.at("running").get<int>(),
                 service.at("desired").get<int>(), service.at("task_definition").get<std::string>(),
                 service.at("state").get<std::string>());
      if (const auto event = service.value("last_event", ""); !event.empty())
        fmt::print("    {}\n", event);
    }
  }
}

void print_load_balancers(const Json& status) {
  if (status.at("load_balancers").empty()) return;
  fmt::print("\nLoad balancers\n");
  for (const auto& lb : status.at("load_balancers")) {
    fmt::print("  {:<20} {:<12} {}\n", lb.at("name").get<std::string>(),
               lb.at("state").get<std::string>(), lb.at("address").get<std::string>());
    for (const auto& url : lb.at("urls")) fmt::print("    {}\n", url.get<std::string>());
    for (const auto& group : lb.at("target_groups")) {
      fmt::print("    target group {}: {}\n", group.at("name").get<std::string>(),
                 group.at("summary").get<std::string>());
    }
  }
}

}  // namespace

int status(const daemon::Options& options, bool json) {
  const auto instance = running(options);
  const Json status = call(instance, "GET", "/status");
  if (json) {
    fmt::print("{}\n", status.dump(2));
    return 0;
  }
  fmt::print("Slipway {} is up since {} (pid {})\n", instance.version, instance.started_at,
             instance.pid);
  fmt::print("  AWS APIs and registry  {}   (account {}, {})\n", instance.endpoint,
             instance.options.account, instance.options.region);
  fmt::print("  Docker Engine API      unix://{}\n", instance.options.docker_socket());
  fmt::print("  Containers             {} running, {} in all; {} images; runtime {}\n",
             status.at("containers_running").get<int>(), status.at("containers").get<int>(),
             status.at("images").get<int>(), status.at("runtime").get<std::string>());
  print_services(status);
  print_load_balancers(status);
  for (const auto& problem : status.at("problems"))
    fmt::print("\nproblem: {}\n", problem.get<std::string>());
  return 0;
}

int version() {
  fmt::print("slipway {}\n", daemon::version);
  return 0;
}

}  // namespace slipway::cli
