#include "ecs/loop.h"

#include "base/log.h"
#include "base/sync.h"

namespace slipway::ecs {
namespace {

constexpr auto never = std::chrono::hours(1);

// Set by the two watchers (store, agent), taken by the loop.
struct Signal {
  bool changed = true;
  bool stopped = false;
};

void watch(Sync<Signal>& signal, const Stop& stop,
           const std::function<uint64_t(uint64_t, SteadyTime)>& wait) {
  uint64_t seen = 0;
  while (!stop.requested()) {
    bool changed = true;
    try {
      const uint64_t now = wait(seen, std::chrono::steady_clock::now() + never);
      changed = now != seen;
      seen = now;
    } catch (const std::exception& e) {
      log::error("ecs", "cannot wait for changes: {}", e.what());
      stop.wait_for(seconds(1));
    }
    if (changed) signal.lock()->changed = true;
    signal.notify_all();
  }
  signal.lock()->stopped = true;
  signal.notify_all();
}

}  // namespace

Loop::Pass Loop::pass() {
  Statuses statuses;
  for (auto& status : deps_.runner.list()) {
    std::string arn = status.arn;
    statuses.emplace(std::move(arn), std::move(status));
  }
  bool progressed = pass_tasks(statuses);
  progressed = forget_strangers(statuses) || progressed;
  Pass out = pass_services();
  out.progressed = sweep() || progressed || out.progressed;
  return out;
}

void Loop::run(const Stop& stop) {
  Sync<Signal> signal;
  std::jthread store_watcher([&] {
    watch(signal, stop, [&](uint64_t seen, SteadyTime deadline) {
      return deps_.store.wait_for_change(seen, stop, deadline);
    });
  });
  std::jthread agent_watcher([&] {
    watch(signal, stop, [&](uint64_t seen, SteadyTime deadline) {
      return deps_.runner.wait_for_change(seen, stop, deadline);
    });
  });
  int in_a_row = 0;
  while (!stop.requested()) {
    signal.lock()->changed = false;
    Pass pass;
    try {
      pass = this->pass();
    } catch (const std::exception& e) {
      log::error("ecs", "a pass failed and will be repeated: {}", e.what());
      pass.wake = deps_.clock.now() + seconds(1);
    }
    // A decision that does not take effect must not turn into a busy loop.
    if (pass.progressed && ++in_a_row < 500) continue;
    in_a_row = 0;
    // Commits of others come in bursts; one pass serves many of them.
    if (stop.wait_for(milliseconds(5))) break;
    auto pause = std::chrono::duration_cast<microseconds>(seconds(30));
    if (pass.wake) {
      pause = std::clamp<microseconds>(*pass.wake - deps_.clock.now(), milliseconds(1), pause);
    }
    signal.lock().wait_until(std::chrono::steady_clock::now() + pause,
                             [](const Signal& s) { return s.changed || s.stopped; });
  }
}

}  // namespace slipway::ecs
