// The task half of the loop: next_step() for every task that is not done with, stored in one
// transaction, then acted on.
#include "base/error.h"
#include "base/log.h"
#include "ec2/network.h"
#include "ecs/loop.h"
#include "ecs/names.h"
#include "ecs/task.h"
#include "ecs/task_spec.h"
#include "ecs/task_state.h"
#include "elb/targets.h"

namespace slipway::ecs {
namespace {

bool drained(const store::Reader& db, const TaskRecord& task) {
  if (!task.interface) return true;
  return std::none_of(task.targets.begin(), task.targets.end(), [&](const TaskTarget& target) {
    return elb::target_state(db, target.group, {task.interface->ip, target.port}).has_value();
  });
}

// What the agent is to be told once the records are stored.
struct Todo {
  std::vector<agent::TaskSpec> start;
  std::vector<std::string> stop, forget;
};

// The step, with the start of a task that cannot be specified turned into its failure.
Step step_of(const store::Reader& db, const TaskRecord& record, const agent::TaskStatus* status,
             TimePoint now, Todo* todo) {
  Step step = next_step(record, status, drained(db, record), now);
  const std::string arn = *record.task.taskArn;
  if (step.command == Command::start) {
    try {
      const auto definition =
          find_definition(db, record.region, record.task.taskDefinitionArn.value_or(""));
      if (!definition) throw not_found("TaskDefinition not found.");
      auto spec = make_spec(record, definition->definition);
      if (todo) todo->start.push_back(std::move(spec));
    } catch (const Error& e) {
      mark_failed_to_start(step.record, e.what(), now);
      step.command = Command::none;
      step.changed = true;
    }
  }
  if (todo && step.command == Command::stop) todo->stop.push_back(arn);
  if (todo && step.command == Command::forget) todo->forget.push_back(arn);
  return step;
}

void apply(store::Writer& db, const TaskRecord& before, Step& step) {
  if (step.deregister && before.interface) {
    for (const auto& target : before.targets) {
      elb::deregister_target(db, target.group, {before.interface->ip, target.port});
    }
  }
  if (step.release_interface) ec2::delete_interface(db, before.interface->id);
  tasks.put(db, key_of(step.record), step.record);
}

const agent::TaskStatus* find(const std::map<std::string, agent::TaskStatus>& statuses,
                              const TaskRecord& task) {
  const auto found = statuses.find(*task.task.taskArn);
  return found == statuses.end() ? nullptr : &found->second;
}

void act(TaskRunner& runner, const Todo& todo) {
  const auto attempt = [](const std::string& arn, const auto& fn) {
    try {
      fn();
    } catch (const std::exception& e) {  // the next pass tries again
      log::error("ecs", "task {}: {}", arn, e.what());
    }
  };
  for (const auto& spec : todo.start) attempt(spec.arn, [&] { runner.start_task(spec); });
  for (const auto& arn : todo.stop) attempt(arn, [&] { runner.stop_task(arn); });
  for (const auto& arn : todo.forget) attempt(arn, [&] { runner.forget_task(arn); });
}

}  // namespace

bool Loop::pass_tasks(const Statuses& statuses) {
  const TimePoint now = deps_.clock.now();
  Todo todo;
  std::vector<std::string> changed;
  deps_.store.read([&](const store::Reader& db) {
    todo = {};
    for (const auto& record : tasks.scan(db)) {
      const auto* status = find(statuses, *record);
      if (record->released && record->task.lastStatus == "STOPPED" && status == nullptr) continue;
      Todo wanted;
      const Step step = step_of(db, *record, status, now, &wanted);
      if (step.changed) {
        changed.push_back(key_of(*record));  // acted on once it is stored
      } else {
        std::move(wanted.start.begin(), wanted.start.end(), std::back_inserter(todo.start));
        std::move(wanted.stop.begin(), wanted.stop.end(), std::back_inserter(todo.stop));
        std::move(wanted.forget.begin(), wanted.forget.end(), std::back_inserter(todo.forget));
      }
    }
  });
  if (!changed.empty()) {
    deps_.store.write([&](store::Writer& db) {
      for (const auto& key : changed) {
        const auto record = tasks.get(db, key);
        if (!record) continue;
        Step step = step_of(db, *record, find(statuses, *record), now, nullptr);
        if (step.changed) apply(db, *record, step);
      }
    });
  }
  act(deps_.runner, todo);
  return !changed.empty() || !todo.start.empty() || !todo.forget.empty();
}

// Tasks of the agent that the store does not know: left from a state that was lost or removed.
bool Loop::forget_strangers(const Statuses& statuses) {
  std::set<std::string> known;
  deps_.store.read([&](const store::Reader& db) {
    known.clear();
    for (const auto& record : tasks.scan(db)) known.insert(*record->task.taskArn);
  });
  Todo todo;
  for (const auto& [arn, status] : statuses) {
    if (known.contains(arn)) continue;
    (status.last_status == "STOPPED" ? todo.forget : todo.stop).push_back(arn);
  }
  act(deps_.runner, todo);
  return !todo.forget.empty();
}

}  // namespace slipway::ecs
