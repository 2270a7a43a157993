// What our own commands ask the daemon, over its root-only socket: status, credentials, down.
#pragma once
#include <functional>

#include "daemon/parts.h"
#include "net/http.h"

namespace slipway::daemon {

class Admin {
 public:
  // take_down stops and removes everything; end, called once that has been answered, ends the
  // daemon.
  Admin(Parts& parts, std::function<void()> take_down, std::function<void()> end)
      : parts_(parts), take_down_(std::move(take_down)), end_(std::move(end)) {}
  void handle(net::Exchange& exchange);

 private:
  Parts& parts_;
  std::function<void()> take_down_, end_;
};

}  // namespace slipway::daemon
