// targets.h: what a target group holds, inside anyone's transaction.
#include "elb/targets.h"

#include "base/error.h"
#include "elb/shown_health.h"

namespace slipway::elb {

bool target_group_exists(const store::Reader& db, const std::string& target_group_arn) {
  return target_groups.get(db, target_group_arn) != nullptr;
}

bool target_group_in_use(const store::Reader& db, const std::string& target_group_arn) {
  return !uses.scan(db, target_group_arn + "|", {}, 1).empty();
}

std::string target_group_type(const store::Reader& db, const std::string& target_group_arn) {
  const auto row = target_groups.get(db, target_group_arn);
  if (!row) throw not_found("no such target group: {}", target_group_arn);
  return row->shape.TargetType.value_or("instance");
}

void register_target(store::Writer& db, const std::string& target_group_arn, const Target& target) {
  if (!target_group_exists(db, target_group_arn)) {
    throw not_found("no such target group: {}", target_group_arn);
  }
  const std::string key = target_key(target_group_arn, target.id, target.port);
  const auto known = targets.get(db, key);
  if (known && known->state != "draining") return;
  TargetRow row;
  row.group = target_group_arn;
  row.id = target.id;
  row.port = target.port;
  if (known) row.zone = known->zone;
  set_state(row, "initial", "Elb.RegistrationInProgress");
  targets.put(db, key, row);
}

void deregister_target(store::Writer& db, const std::string& target_group_arn,
                       const Target& target) {
  const std::string key = target_key(target_group_arn, target.id, target.port);
  const auto known = targets.get(db, key);
  if (!known || known->state == "draining") return;
  TargetRow row = *known;
  set_state(row, "draining", "Target.DeregistrationInProgress");
  row.drained_at_ms = 0;  // the loop sets it: it has the clock
  targets.put(db, key, row);
}

std::optional<TargetState> target_state(const store::Reader& db,
                                        const std::string& target_group_arn, const Target& target) {
  const auto row = targets.get(db, target_key(target_group_arn, target.id, target.port));
  if (!row) return std::nullopt;
  const TargetRow shown = shown_health(*row, target_group_in_use(db, target_group_arn));
  return TargetState{{shown.id, shown.port}, shown.state, shown.reason};
}

}  // namespace slipway::elb
