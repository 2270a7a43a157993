// What ended long enough ago leaves the store: AWS keeps stopped tasks describable for an hour.
#include "ecs/loop.h"
#include "ecs/task_definition.h"

namespace slipway::ecs {
namespace {

constexpr seconds sweep_every{30};
constexpr seconds keep_tokens{24 * 3600};

struct Swept {
  std::vector<std::string> tasks, services, clusters, definitions, tokens;
  bool empty() const {
    return tasks.empty() && services.empty() && clusters.empty() && definitions.empty() &&
           tokens.empty();
  }
};

bool is_old(int64_t since_us, seconds keep, TimePoint now) {
  return from_us(since_us) + keep < now;
}

bool still_counted(const store::Reader& db, const TaskRecord& task) {
  if (task.service.empty() || task.accounted) return false;
  const auto service = services.get(db, service_key(task.region, task.cluster, task.service));
  return service && service->service.status != "INACTIVE";
}

Swept find_old(const store::Reader& db, seconds keep, TimePoint now) {
  Swept out;
  for (const auto& task : tasks.scan(db)) {
    if (task->task.lastStatus != "STOPPED" || !task->released || !task->task.stoppedAt) continue;
    if (!is_old(to_us(*task->task.stoppedAt), keep, now) || still_counted(db, *task)) continue;
    out.tasks.push_back(key_of(*task));
  }
  for (const auto& service : services.scan(db)) {
    if (service->inactive_since_us && is_old(*service->inactive_since_us, keep, now)) {
      out.services.push_back(key_of(*service));
    }
  }
  for (const auto& row : db.scan(tokens.name())) {
    const auto token = tokens.get(db, row.key);
    if (is_old(token->made_us, keep_tokens, now)) out.tokens.push_back(row.key);
  }
  for (const auto& row : db.scan(clusters.name())) {
    const auto cluster = clusters.get(db, row.key);
    if (cluster->inactive_since_us && is_old(*cluster->inactive_since_us, keep, now)) {
      out.clusters.push_back(row.key);
    }
  }
  for (const auto& row : db.scan(task_definitions.name())) {
    const auto record = task_definitions.get(db, row.key);
    if (record->definition.status != "DELETE_IN_PROGRESS") continue;
    const std::string region = row.key.substr(0, row.key.find('/'));
    if (!definition_in_use(db, region, *record->definition.taskDefinitionArn)) {
      out.definitions.push_back(row.key);
    }
  }
  return out;
}

}  // namespace

bool Loop::sweep() {
  const TimePoint now = deps_.clock.now();
  if (swept_ && *swept_ <= now && now < *swept_ + sweep_every) return false;
  swept_ = now;
  const seconds keep = deps_.options.keep_ended;
  bool any = false;
  deps_.store.read([&](const store::Reader& db) { any = !find_old(db, keep, now).empty(); });
  if (!any) return false;
  deps_.store.write([&](store::Writer& db) {
    const Swept old = find_old(db, keep, now);
    for (const auto& key : old.tasks) tasks.erase(db, key);
    for (const auto& key : old.services) services.erase(db, key);
    for (const auto& key : old.tokens) tokens.erase(db, key);
    for (const auto& key : old.clusters) clusters.erase(db, key);
    for (const auto& key : old.definitions) task_definitions.erase(db, key);
  });
  return true;
}

}  // namespace slipway::ecs
