#include "ecs/plan/placement.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/error.h"

namespace slipway::ecs::plan {

bool is_live(const Task& task) {
  return task.desired_running && (task.phase == Phase::pending || task.phase == Phase::running);
}

const Subnet& choose_subnet(const std::vector<Subnet>& subnets, const std::vector<Task>& tasks,
                            const std::vector<Start>& chosen, const std::string& deployment) {
  SLIPWAY_ASSERT(!subnets.empty());
  std::map<std::string, int> same_in_zone, all_in_zone, in_subnet;
  const auto add = [&](const auto& task) {
    ++all_in_zone[task.zone];
    ++in_subnet[task.subnet];
    if (task.deployment == deployment) ++same_in_zone[task.zone];
  };
  for (const auto& task : tasks) {
    if (is_live(task)) add(task);
  }
  for (const auto& start : chosen) add(start);
  return *std::min_element(subnets.begin(), subnets.end(), [&](const auto& a, const auto& b) {
    const auto weight = [&](const Subnet& s) {
      return std::tuple(same_in_zone[s.zone], all_in_zone[s.zone], in_subnet[s.id]);
    };
    return weight(a) < weight(b);
  });
}

std::vector<const Task*> choose_to_stop(std::vector<const Task*> candidates, int count) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Task* a, const Task* b) { return a->created > b->created; });
  std::map<std::string, std::vector<const Task*>> by_zone;  // oldest last
  for (const Task* task : candidates) by_zone[task->zone].push_back(task);
  std::vector<const Task*> out;
  while (count-- > 0 && out.size() < candidates.size()) {
    auto& most = std::max_element(by_zone.begin(), by_zone.end(), [](const auto& a, const auto& b) {
                   return a.second.size() < b.second.size();
                 })->second;
    out.push_back(most.front());
    most.erase(most.begin());
  }
  return out;
}

}  // namespace slipway::ecs::plan
