// The life of one task as a pure step: what the record says and what the agent reports -> what the
// record says next and what to do about it. Taken again and again (loop_task.cc) until there is
// nothing left to do, so it may be interrupted anywhere.
//
//   wanted RUNNING  unknown to the agent        start it
//                   agent reports progress      copy it
//                   agent reports an end        wanted STOPPED, targets deregistered
//   wanted STOPPED  was RUNNING                 DEACTIVATING until its targets are drained
//                   drained, or never RUNNING   tell the agent to stop it
//                   agent says STOPPED          STOPPED; then the agent may forget it
//   STOPPED         targets drained             network interface given back: released
#pragma once
#include "agent/agent.h"
#include "ecs/records.h"

namespace slipway::ecs {

enum class Command { none, start, stop, forget };

struct Step {
  TaskRecord record;
  bool changed = false;
  bool deregister = false;          // its targets, in the same transaction
  bool release_interface = false;   // its network interface, in the same transaction
  Command command = Command::none;  // after the transaction
};

// status: what the agent knows of it, or null. drained: no target group lists it any more.
Step next_step(const TaskRecord& record, const agent::TaskStatus* status, bool drained,
               TimePoint now);

}  // namespace slipway::ecs
