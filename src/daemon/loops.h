// The daemon's threads: control loops and housekeeping. Started together, stopped and joined
// together.
#pragma once
#include <thread>
#include <vector>

#include "base/stop.h"
#include "daemon/parts.h"

namespace slipway::daemon {

class Loops {
 public:
  explicit Loops(Parts& parts);
  ~Loops();     // stop()
  void stop();  // idempotent

 private:
  void keep_house(const Stop& stop);
  Parts& parts_;
  Stop stop_;
  std::vector<std::jthread> threads_;
};

}  // namespace slipway::daemon
