// What the loop writes down: ends of draining, findings of checks, states of load balancers.
#include "base/log.h"
#include "elb/attributes.h"
#include "elb/loop.h"
#include "elb/shown_health.h"

namespace slipway::elb {

// Ends of draining, and states that a group's new use or disuse makes stale. True when it wrote.
bool Loop::keep_books(const Snapshot& snapshot) {
  const int64_t now = to_epoch_ms(deps_.clock.now());
  std::vector<TargetRow> changed, gone;
  for (auto& [group, rows] : snapshot.targets) {
    const bool in_use = snapshot.users.contains(group);
    const auto settings = snapshot.groups.find(group);
    for (auto& row : rows) {
      if (row->state == "draining") {
        if (!in_use || settings == snapshot.groups.end() ||
            (row->drained_at_ms != 0 && row->drained_at_ms <= now)) {
          gone.push_back(*row);
        } else if (row->drained_at_ms == 0) {
          changed.push_back(*row);
          changed.back().drained_at_ms =
              now + 1000 * number_attribute(Holder::target_group, settings->second->attributes,
                                            "deregistration_delay.timeout_seconds");
        }
      } else if (!in_use && row->state != "initial") {
        changed.push_back(*row);
        set_state(changed.back(), "initial", "Elb.RegistrationInProgress");
      }
    }
  }
  if (changed.empty() && gone.empty()) return false;
  deps_.store.write([&](store::Writer& db) {
    const auto same = [&](const TargetRow& row, const std::string& key) {
      const auto present = targets.get(db, key);
      return present && (present->state == "draining") == (row.state == "draining");
    };
    for (auto& row : changed) {
      const std::string key = target_key(row.group, row.id, row.port);
      if (same(row, key)) targets.put(db, key, row);
    }
    for (auto& row : gone) {
      const std::string key = target_key(row.group, row.id, row.port);
      if (same(row, key)) targets.erase(db, key);
    }
  });
  return true;
}

// provisioning -> active (or failed, or active_impaired) once it is so.
void Loop::show_states(const Snapshot& snapshot, bool served, const std::string& problem) {
  std::map<std::string, std::pair<std::string, std::string>> states;  // ARN -> code, reason
  for (auto& row : snapshot.load_balancers) {
    const std::string& arn = *row->shape.LoadBalancerArn;
    const auto blocked = blocked_.find(short_name(arn));
    std::pair<std::string, std::string> state{"active", ""};
    if (!served) {
      const bool was_active =
          row->shape.State->Code != "provisioning" && row->shape.State->Code != "failed";
      state = {was_active ? "active_impaired" : "failed", problem};
    } else if (blocked != blocked_.end()) {
      state = {"active_impaired", blocked->second};
    }
    const auto& shown = *row->shape.State;
    if (shown.Code != state.first || shown.Reason.value_or("") != state.second) {
      states[arn] = state;
    }
  }
  if (states.empty()) return;
  deps_.store.write([&](store::Writer& db) {
    for (auto& [arn, state] : states) {
      const auto present = load_balancers.get(db, arn);
      if (!present) continue;
      LoadBalancerRow row = *present;
      row.shape.State->Code = state.first;
      row.shape.State->Reason =
          state.second.empty() ? std::nullopt : std::optional(state.second.substr(0, 500));
      load_balancers.put(db, arn, row);
    }
  });
}

// In the checker's thread.
void Loop::record(const Check& check, const CheckResult& result, Counters& counters) {
  std::shared_ptr<const TargetRow> row;
  deps_.store.read([&](const store::Reader& db) { row = targets.get(db, check.key); });
  if (!row) return;
  const auto next = next_health(*row, counters, check.thresholds, result);
  if (!next) return;
  deps_.store.write([&](store::Writer& db) {
    const auto present = targets.get(db, check.key);
    if (present && present->state == row->state) targets.put(db, check.key, *next);
  });
  log::info("elb", "target {}:{} of {} is {}{}", row->id, row->port, short_name(row->group),
            next->state, next->reason.empty() ? "" : " (" + next->reason + ")");
}

}  // namespace slipway::elb
