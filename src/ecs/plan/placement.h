// Where a Fargate task goes: the zone with the fewest tasks of the service, then the subnet with
// the fewest. And the reverse: which of several tasks goes first when some must go.
#pragma once
#include "ecs/plan/service.h"

namespace slipway::ecs::plan {

// Counts only live tasks; those of the deployment weigh first, so that what is left after a rolling
// update is spread. subnets must not be empty; chosen: tasks already decided on in this plan.
const Subnet& choose_subnet(const std::vector<Subnet>& subnets, const std::vector<Task>& tasks,
                            const std::vector<Start>& chosen, const std::string& deployment);

// Takes count of the candidates (at most all), each time one from the zone with most of them left;
// within a zone the newest first.
std::vector<const Task*> choose_to_stop(std::vector<const Task*> candidates, int count);

bool is_live(const Task& task);  // wanted, and pending or running

}  // namespace slipway::ecs::plan
