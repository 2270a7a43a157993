// The daemon: makes every part, wires them, and runs until told to stop. No behaviour of its own.
#pragma once
#include <functional>
#include <memory>

#include "base/stop.h"
#include "daemon/options.h"

namespace slipway::daemon {

// What is missing on this machine, as one Error that says what to install or do: not root, no
// container runtime, no conmon, no HAProxy.
void check_machine();

enum class Ending {
  leave,  // containers and load balancers go on; the next `up` finds them again
  down,   // everything that runs is stopped and removed; the data stays
};

// Runs until stop (then as Ending::leave) or until somebody asks for `down`. ready is called once
// everything listens. Throws Error when it cannot start: port taken, data of a newer version...
Ending run(const Options& options, const Stop& stop,
           const std::function<void(const Instance&)>& ready);

// Stops and removes whatever a daemon that is gone has left running.
void tear_down(const Options& options);

}  // namespace slipway::daemon
