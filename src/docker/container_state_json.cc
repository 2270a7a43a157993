// A container's state as `docker ps` says it and `docker inspect` shows it.
#include "docker/container_json.h"
#include "docker/times.h"

namespace slipway::docker {

using container::Status;

static Json health_log(const container::State& state) {
  Json out = Json::array();
  for (const auto& result : state.health_log) {
    out.push_back({{"Start", time_text(result.start)},
                   {"End", time_text(result.end)},
                   {"ExitCode", result.exit_code},
                   {"Output", result.output}});
  }
  return out;
}

Json state_json(const container::State& state) {
  const auto is = [&](Status status) { return state.status == status; };
  Json out = {{"Status", to_string(state.status)},
              {"Running", is(Status::running) || is(Status::paused) || is(Status::restarting)},
              {"Paused", is(Status::paused)},
              {"Restarting", is(Status::restarting)},
              {"OOMKilled", state.oom_killed},
              {"Dead", is(Status::dead)},
              {"Pid", state.pid},
              {"ExitCode", state.exit_code},
              {"Error", state.error},
              {"StartedAt", time_text(state.started_at)},
              {"FinishedAt", time_text(state.finished_at)}};
  if (!state.health.empty()) {
    out["Health"] = {{"Status", state.health},
                     {"FailingStreak", state.health_failing_streak},
                     {"Log", health_log(state)}};
  }
  return out;
}

std::string status_text(const container::State& state, TimePoint now) {
  const auto ago = [&](const std::optional<TimePoint>& time) {
    return human_duration(time ? now - *time : microseconds(0));
  };
  switch (state.status) {
    case Status::created:
      return "Created";
    case Status::running:
      if (state.health == "starting") {
        return fmt::format("Up {} (health: starting)", ago(state.started_at));
      }
      if (!state.health.empty())
        return fmt::format("Up {} ({})", ago(state.started_at), state.health);
      return "Up " + ago(state.started_at);
    case Status::paused:
      return fmt::format("Up {} (Paused)", ago(state.started_at));
    case Status::restarting:
      return fmt::format("Restarting ({}) {} ago", state.exit_code, ago(state.finished_at));
    case Status::exited:
      return fmt::format("Exited ({}) {} ago", state.exit_code, ago(state.finished_at));
    case Status::dead:
      return "Dead";
    case Status::removing:
      return "Removal In Progress";
  }
  return "";
}

}  // namespace slipway::docker
