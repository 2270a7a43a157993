#include "daemon/loops.h"

#include "base/log.h"
#include "ecs/loop.h"
#include "elb/loop.h"
#include "registry/collect.h"

namespace slipway::daemon {

namespace {

// A loop that throws is a bug of ours: say so and look again, since the state is level-triggered.
template <typename Run>
void keep_running(const char* name, const Stop& stop, Run run) {
  while (!stop.requested()) {
    try {
      run();
    } catch (const std::exception& e) {
      log::error(name, "the loop failed and starts anew: {}", e.what());
      stop.wait_for(seconds(1));
    }
  }
}

}  // namespace

Loops::Loops(Parts& parts) : parts_(parts) {
  threads_.emplace_back(
      [this] { keep_running("elb", stop_, [this] { parts_.elb_loop.run(stop_); }); });
  threads_.emplace_back([this] {
    keep_running("ecs", stop_, [this] {
      ecs::AgentRunner runner(parts_.agent);
      ecs::Loop loop({*parts_.store, runner, parts_.clock, parts_.ecs.options()});
      loop.run(stop_);
    });
  });
  threads_.emplace_back(
      [this] { keep_running("housekeeping", stop_, [this] { keep_house(stop_); }); });
}

Loops::~Loops() {
  stop();
}

void Loops::stop() {
  stop_.request();
  threads_.clear();
}

void Loops::keep_house(const Stop& stop) {
  for (int minutes = 1; !stop.wait_for(seconds(60)); ++minutes) {
    parts_.logs.sweep();
    parts_.uploads.sweep();
    parts_.builder.collect();
    if (minutes % 5 != 0) continue;
    const auto freed =
        registry::collect(*parts_.store, parts_.images, parts_.clock, parts_.builder.claims());
    if (freed > 0) log::info("images", "{} bytes of unused images and layers freed", freed);
  }
}

}  // namespace slipway::daemon
