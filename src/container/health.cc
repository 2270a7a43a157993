// Runs the health checks: one thread for each running container that has one.
#include "container/health.h"

#include <csignal>

#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
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
    if (check->start_interval_ns == 0) check->start_interval_ns = image->start_interval_ns;
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

constexpr size_t kKeptOutput = 4096, kKeptResults = 5;

// Waits for the probe's end, for a time; killed when it takes longer. The exit code, or -1.
int await_probe(Exec& exec, const Broadcast::Subscription& subscription, microseconds timeout,
                const Stop& stop) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto pid_of = [&] {
    const std::lock_guard lock(exec.mutex);
    return exec.info.pid;
  };
  for (bool killed = false;;) {
    {
      const std::lock_guard lock(exec.mutex);
      if (!exec.info.running) return killed ? -1 : exec.info.exit_code.value_or(-1);
    }
    // Killed before it had begun: then once more.
    const auto patience = std::chrono::steady_clock::now() + seconds(1);
    if (subscription.wait(stop, killed ? patience : deadline)) continue;
    // Too late, or the container is being stopped: the probe ends, and its conmon tells.
    const int pid = pid_of();
    const Fd handle = pid > 0 ? linux::open_pidfd(pid) : Fd();
    if (handle) linux::signal_pidfd(handle.get(), SIGKILL);
    if (stop.requested()) return -1;
    killed = true;
  }
}

std::string seconds_text(microseconds time) {
  const auto millis = std::chrono::duration_cast<milliseconds>(time).count();
  return millis % 1000 == 0 ? fmt::format("{}s", millis / 1000) : fmt::format("{}ms", millis);
}

HealthResult probe(Engine::Impl& engine, const ContainerPtr& container,
                   const std::vector<std::string>& command, microseconds timeout,
                   const Stop& stop) {
  const auto exec = std::make_shared<Exec>();
  exec->info.id = random_hex(64);
  exec->info.container_id = container->id;
  exec->info.spec.cmd = command;
  exec->info.running = true;
  const auto subscription = exec->changed.subscribe();
  HealthResult result;
  result.start = engine.clock.now();
  engine.event(container->snapshot(), "exec_create: " + join(command, " "),
               {{"execID", exec->info.id}});
  const Stop output_stop = stop.child();
  std::jthread runner([&] {
    Streams streams;
    streams.output = [&](int, std::string_view bytes) {
      result.output += bytes.substr(0, kKeptOutput - std::min(kKeptOutput, result.output.size()));
    };
    try {
      engine.run_exec(container, exec, streams, false, output_stop);
    } catch (const std::exception& e) {
      const std::lock_guard lock(exec->mutex);
      if (exec->info.pid == 0) {  // it did not start
        result.output = e.what();
        exec->info.exit_code = -1;
        exec->info.running = false;
      }
    }
    exec->changed.notify();
  });
  result.exit_code = await_probe(*exec, subscription, timeout, stop);
  output_stop.request();
  runner.join();
  result.end = engine.clock.now();
  if (result.exit_code == -1 && result.end - result.start >= timeout)
    result.output = fmt::format("Health check exceeded timeout ({}){}", seconds_text(timeout),
                                result.output.empty() ? "" : ": " + result.output);
  return result;
}

void check_health(Engine::Impl& engine, const ContainerPtr& container,
                  const image::HealthCheck& check, const std::vector<std::string>& command,
                  const Stop& stop) {
  const auto begin = std::chrono::steady_clock::now();
  const microseconds interval(check.interval_ns / 1000), period(check.start_period_ns / 1000);
  const microseconds while_starting = check.start_interval_ns > 0
                                          ? microseconds(check.start_interval_ns / 1000)
                                          : std::min<microseconds>(interval, seconds(5));
  for (;;) {
    const bool starting = container->snapshot().info.state.health == "starting";
    const bool early = starting && std::chrono::steady_clock::now() - begin < period;
    if (stop.wait_for(early ? while_starting : interval)) return;
    if (container->snapshot().info.state.status != Status::running) continue;
    const bool in_period = std::chrono::steady_clock::now() - begin < period;
    auto result = probe(engine, container, command, microseconds(check.timeout_ns / 1000), stop);
    if (stop.requested()) return;
    const bool ok = result.exit_code == 0;
    std::string before, after;
    container->update([&](Record& record) {
      before = record.info.state.health;
      note_probe(record.info.state, ok, in_period, check.retries);
      auto& log = record.info.state.health_log;
      log.push_back(std::move(result));
      if (log.size() > kKeptResults) log.erase(log.begin());
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
    r.info.state.health_log.clear();
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
