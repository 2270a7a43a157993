#include "cli/client.h"

#include "base/error.h"
#include "codec/json.h"
#include "net/http.h"

namespace slipway::cli {

daemon::Instance running(const daemon::Options& options) {
  const auto instance = daemon::read_instance(options.run_dir);
  if (!instance) throw unavailable("Slipway is not running. Start it with: slipway up --detach");
  if (!instance->alive()) {
    throw unavailable(
        "the Slipway daemon (pid {}) has ended; what it started may still run. Start it again "
        "with: slipway up --detach",
        instance->pid);
  }
  return *instance;
}

Json call(const daemon::Instance& instance, const std::string& method, const std::string& path,
          milliseconds patience) {
  net::ClientRequest request;
  request.method = method;
  request.url = "unix:" + instance.options.admin_socket() + ":" + path;
  request.idle_timeout = patience;
  const auto response = net::request(request);
  const std::string body = response->read_all();
  if (response->status() >= 300)
    throw Error(Kind::unavailable,
                fmt::format("the daemon answered {}: {}", response->status(), body));
  return body.empty() ? Json::object() : parse_json(body, "the daemon's answer");
}

Environment environment(const daemon::Instance& instance) {
  const Json answer = call(instance, "GET", "/credentials");
  return {answer.at("access_key_id"), answer.at("secret_access_key"), instance.options.region,
          instance.endpoint, "unix://" + instance.options.docker_socket()};
}

}  // namespace slipway::cli
