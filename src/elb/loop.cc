#include "elb/loop.h"

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "elb/slots.h"

namespace slipway::elb {
namespace {

using std::chrono::steady_clock;

haproxy::SupervisorOptions supervisor_options(const LoopDeps& deps) {
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  return {deps.run_root + "/haproxy", "haproxy", std::clamp(cores, 1, 8)};
}

std::string endpoint(const std::string& address, uint16_t port) {
  return fmt::format("{}:{}", address, port);
}

}  // namespace

Loop::Loop(LoopDeps deps) : deps_(std::move(deps)), supervisor_(supervisor_options(deps_)) {
  checker_ =
      std::make_unique<Checker>([this](const Check& check, const CheckResult& result,
                                       Counters& counters) { record(check, result, counters); });
}

Loop::~Loop() {
  checker_.reset();
}

void Loop::run(const Stop& stop) {
  bool adopted = false;
  while (!stop.requested()) {
    const uint64_t seen = deps_.store.revision();
    try {
      if (!adopted) adopt();
      adopted = true;
      settled_ = pass();
    } catch (const std::exception& e) {
      settled_ = false;
      adopted = false;  // what HAProxy has is uncertain now
      warn_once("pass", e.what());
    }
    const auto retry = steady_clock::now() + seconds(2);
    auto wake = settled_ ? wake_at_ : std::min(wake_at_, retry);
    // Each second, a look whether HAProxy lives.
    while (!stop.requested()) {
      const auto now = steady_clock::now();
      const auto until = std::min(wake, now + seconds(1));
      if (deps_.store.wait_for_change(seen, stop, until) != seen) break;
      if (steady_clock::now() >= wake) break;
      if (!structure_.empty() && !supervisor_.alive()) {
        log::warning("elb", "HAProxy has ended; starting it again");
        adopted = settled_ = false;
        break;
      }
    }
  }
  checker_->set({});
}

// After our own restart or a failure: what is really being served?
void Loop::adopt() {
  structure_ = supervisor_.running().value_or("");
  slots_ = structure_.empty() ? Slots{} : supervisor_.servers();
  held_ = structure_.empty() ? std::set<std::string>{} : supervisor_.binds();
}

bool Loop::pass() {
  Snapshot snapshot;
  const auto read = [&] {
    deps_.store.read([&](const store::Reader& db) { snapshot = read_snapshot(db); });
  };
  read();
  // The store holds much that is not ours. Rows are decoded once a version, so equal pointers say
  // that nothing has changed.
  if (settled_ && snapshot == last_ && steady_clock::now() < wake_at_) return true;
  if (keep_books(snapshot)) read();
  last_ = snapshot;
  wake_at_ = next_wake(snapshot);
  Desired wanted = desired(snapshot);
  drop_unrenderable(wanted.model);
  choose_ports(wanted.model);
  fill_slots(wanted);
  bool served = false;
  problem_.clear();
  try {
    served = serve(wanted.model);
  } catch (const Error& e) {
    problem_ = e.what();
    warn_once("haproxy", problem_);
  }
  checker_->set(std::move(wanted.checks));
  show_states(snapshot, served, problem_);
  if (!problem_.empty()) adopt();
  if (served) warned_.erase("haproxy");
  return served && blocked_.empty();
}

SteadyTime Loop::next_wake(const Snapshot& snapshot) const {
  const int64_t now = to_epoch_ms(deps_.clock.now());
  auto wake = steady_clock::now() + seconds(3600);
  for (auto& [group, rows] : snapshot.targets) {
    for (auto& row : rows) {
      if (row->state != "draining" || row->drained_at_ms == 0) continue;
      wake = std::min(wake, steady_clock::now() +
                                milliseconds(std::max<int64_t>(row->drained_at_ms - now, 0) + 1));
    }
  }
  return wake;
}

// A balancer that cannot be expressed must not take the others with it.
void Loop::drop_unrenderable(haproxy::Model& model) {
  blocked_.clear();
  const auto options = supervisor_.render_options();
  std::erase_if(model.load_balancers, [&](const haproxy::LoadBalancer& balancer) {
    haproxy::Model alone;
    alone.load_balancers = {balancer};
    try {
      haproxy::render(alone, options);
      return false;
    } catch (const Error& e) {
      blocked_[balancer.id] = e.what();
      warn_once(balancer.id, e.what());
      return true;
    }
  });
}

// Ports that another program holds are left out: one taken port must not stop the others.
void Loop::choose_ports(haproxy::Model& model) {
  const auto usable = [&](const std::string& address, uint16_t port) {
    return held_.contains(endpoint(address, port)) || haproxy::Supervisor::can_bind(address, port);
  };
  for (auto& balancer : model.load_balancers) {
    std::erase_if(balancer.listeners, [&](const haproxy::Listener& listener) {
      if (usable(balancer.address, listener.port)) {
        if (usable("127.0.0.1", listener.port)) {
          model.shared_ports.insert(listener.port);
          warned_.erase(endpoint("127.0.0.1", listener.port));
        } else {
          warn_once(endpoint("127.0.0.1", listener.port),
                    fmt::format("127.0.0.1:{} is in use by another program: load balancers answer "
                                "on their own addresses only",
                                listener.port));
        }
        return false;
      }
      const std::string where = endpoint(balancer.address, listener.port);
      blocked_[balancer.id] = where + " is in use by another program";
      warn_once(where, blocked_[balancer.id]);
      return true;
    });
  }
}

void Loop::fill_slots(Desired& desired) {
  for (auto& group : desired.model.target_groups) {
    group.slots = place(slots_[group.id], desired.targets[group.id], cursors_[group.id]);
  }
}

// Reload, in-place change, or nothing. Throws when HAProxy refuses or is missing.
bool Loop::serve(const haproxy::Model& model) {
  const bool any = std::any_of(model.load_balancers.begin(), model.load_balancers.end(),
                               [](const auto& balancer) { return !balancer.listeners.empty(); });
  Slots wanted;
  for (auto& group : model.target_groups) wanted[group.id] = group.slots;
  if (!any) {
    if (!structure_.empty()) supervisor_.stop();
    structure_.clear();
    slots_.clear();
    held_.clear();
    return true;
  }
  const auto rendered = haproxy::render(model, supervisor_.render_options());
  // Even when a reload follows: until it is done, the running worker must know.
  if (!structure_.empty()) {
    std::vector<haproxy::SlotChange> changes;
    for (auto& [group, slots] : wanted) {
      const auto known = slots_.find(group);
      if (known == slots_.end()) continue;  // not in the running structure
      auto reachable = slots;
      reachable.resize(std::min(slots.size(), known->second.size()));
      const auto of_group = slot_changes(group, known->second, reachable);
      changes.insert(changes.end(), of_group.begin(), of_group.end());
    }
    supervisor_.update(changes);
  }
  if (rendered.structure != structure_) {
    supervisor_.apply(rendered);
    structure_ = rendered.structure;
    held_ = supervisor_.binds();
  }
  slots_ = std::move(wanted);
  return true;
}

void Loop::warn_once(const std::string& subject, const std::string& text) {
  auto& known = warned_[subject];
  if (known == text) return;
  known = text;
  log::warning("elb", "{}", text);
}

void Loop::tear_down() {
  supervisor_.stop();
}

}  // namespace slipway::elb
