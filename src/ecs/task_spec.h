// From a task's record and definition to what the agent runs.
#pragma once
#include "agent/agent.h"
#include "ecs/records.h"

namespace slipway::ecs {

// Throws Error whose text is the task's stoppedReason when the definition asks for what cannot be
// given.
agent::TaskSpec make_spec(const TaskRecord& task, const shape::TaskDefinition& definition);

}  // namespace slipway::ecs
