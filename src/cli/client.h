// How commands talk to the running daemon: JSON over its root-only admin socket.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/clock.h"
#include "daemon/options.h"

namespace slipway::cli {

// The running daemon of options.run_dir. Throws Error(unavailable) "Slipway is not running..." that
// says how to start it.
daemon::Instance running(const daemon::Options& options);
nlohmann::json call(const daemon::Instance& instance, const std::string& method,
                    const std::string& path, milliseconds patience = milliseconds(30'000));

struct Environment {
  std::string access_key_id, secret_access_key, region, endpoint, docker_host;
};
Environment environment(const daemon::Instance& instance);

}  // namespace slipway::cli
