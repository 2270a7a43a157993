// Runs the health checks: one thread for each running container that has one.
#include "container/health.h"

#include <csignal>

#include "base/ids.h"
#include "base/log.h"
#include "container/impl.h"
#include "linux/process.h"

namespace slipway::container {

std::optional<image::HealthCheck> effective_check(const std::optional<image::HealthCheck>& own,
                                                  const std::optional<image::HealthCheck>& image) {
  auto check = own ? own : image;
  if (own && image) {  // what the container leaves out is the image's
    if (check->test.empty()) check->test = image->test;
    if (check->interval_ns == 0) check->interval_ns = image->interval_ns;
    if (check->timeout_ns == 0) check->timeout_ns = image->timeout_ns;
    if (check->start_period_ns == 0) check->start_period_ns = image->start_period_ns;
    if (check->retries == 0) check->retries = image->retries;
  }
  if (!check || check->test.size() < 2 || check->test[0] == "NONE") return std::nullopt;
  constexpr int64_t kDefault = 30'000'000'000;
  if (check->interval_ns <= 0) check->interval_ns = kDefault;
  if (check->timeout_ns <= 0) check->timeout_ns = kDefault;
  if (check->retries <= 0) check->retries = 3;
  return check;
}

std::vector<std::string> probe_command(const image::HealthCheck& check,
                                       const std::vector<std::string>& shell) {
  if (check.test[0] == "CMD-SHELL") {
    std::vector<std::string> out =
        shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : shell;
    out.push_back(check.test[1]);
    return out;
  }
  return {check.test.begin() + 1, check.test.end()};
}

void note_probe(State& state, bool ok, bool in_start_period, int retries) {
  if (ok) {
    state.health = "healthy";
    state.health_failing_streak = 0;
    return;
  }
  if (in_start_period && state.health == "starting") return;
  ++state.health_failing_streak;
  if (state.health_failing_streak >= retries) state.health = "unhealthy";
}

namespace {

// True when the probe ended with 0 in time.
bool probe(Engine::Impl& engine, const ContainerPtr& container,
           const std::vector<std::string>& command, microseconds timeout, const Stop& stop) {
  const auto exec = std::make_shared<Exec>();
  exec->info.id = random_hex(64);
  exec->info.container_id = container->id;
  exec->info.spec.cmd = command;
  exec->info.running = true;
  const auto subscription = exec->changed.subscribe();
  try {
    engine.run_exec(container, exec, {}, true, stop);
  } catch (const std::exception& e) {
    log::debug("container", "health probe of {}: {}", container->id, e.what());
    return false;
  }
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (bool killed = false;;) {
    int pid = 0;
    {
      const std::lock_guard lock(exec->mutex);
      if (!exec->info.running) return !killed && exec->info.exit_code == 0;
      pid = exec->info.pid;
    }
    if (subscription.wait(stop, killed ? SteadyTime::max() : deadline)) continue;
    // Too late, or the container is being stopped: the probe ends, and its conmon tells.
    if (const Fd handle = linux::open_pidfd(pid)) linux::signal_pidfd(handle.get(), SIGKILL);
    if (stop.requested() || killed) return false;
    killed = true;
  }
}

void check_health(Engine::Impl& engine, const ContainerPtr& container,
                  const image::HealthCheck& check, const std::vector<std::string>& command,
                  const Stop& stop) {
  const auto begin = std::chrono::steady_clock::now();
  const microseconds interval(check.interval_ns / 1000), period(check.start_period_ns / 1000);
  for (;;) {
    const bool starting = container->snapshot().info.state.health == "starting";
    const bool early = starting && std::chrono::steady_clock::now() - begin < period;
    if (stop.wait_for(early ? std::min<microseconds>(interval, seconds(5)) : interval)) return;
    if (container->snapshot().info.state.status != Status::running) continue;
    const bool in_period = std::chrono::steady_clock::now() - begin < period;
    const bool ok = probe(engine, container, command, microseconds(check.timeout_ns / 1000), stop);
    if (stop.requested()) return;
    std::string before, after;
    container->update([&](Record& record) {
      before = record.info.state.health;
      note_probe(record.info.state, ok, in_period, check.retries);
      after = record.info.state.health;
    });
    if (before != after) engine.event(container->snapshot(), "health_status: " + after);
  }
}

}  // namespace

void Engine::Impl::watch_health(const ContainerPtr& container) {
  end_health_locked(*container);
  const Record record = container->snapshot();
  const image::Config config = image_config(record.info.spec);
  const auto check = effective_check(record.info.spec.health_check, config.health_check);
  container->update([&](Record& r) {
    r.info.state.health = check ? "starting" : "";
    r.info.state.health_failing_streak = 0;
  });
  if (!check) return;
  container->health_stop = stop.child();
  container->health =
      std::jthread([this, container, check = *check, command = probe_command(*check, config.shell),
                    stop = container->health_stop] {
        try {
          check_health(*this, container, check, command, stop);
        } catch (const std::exception& e) {
          log::error("container", "health check of {}: {}", container->id, e.what());
        }
      });
}

}  // namespace slipway::container
