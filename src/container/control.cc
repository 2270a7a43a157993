// Signals to a container and waiting for it: stop, kill, restart, pause, wait.
#include <csignal>

#include "base/log.h"
#include "container/impl.h"
#include "container/names.h"
#include "linux/process.h"

namespace slipway::container {
namespace {

constexpr int kDefaultStopTimeout = 10;

SteadyTime in(milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// True once the container's first process has ended, noted or not.
bool has_died(const Container& container) {
  const std::lock_guard lock(container.mutex);
  if (!container.process || !*container.process) return true;
  return wait_readable(container.process->get(), Stop(), std::chrono::steady_clock::now()) ==
         Ready::yes;
}

// A frozen process dies when it is thawed. Best effort: another call may have thawed it already.
void thaw(Runtime& runtime, const std::string& id) {
  try {
    runtime.resume(id);
  } catch (const Error& e) {
    log::debug("container", "thaw {}: {}", id, e.what());
  }
}

// A runtime's command that fails because the container has just ended says so in Docker's words.
template <typename Fn>
void unless_ended(const Container& container, Fn fn) {
  try {
    fn();
  } catch (const Error&) {
    if (has_died(container)) throw conflict("Container {} is not running", container.id);
    throw;
  }
}

}  // namespace

void Engine::Impl::signal(Container& container, int number) {
  std::shared_ptr<const Fd> process;
  {
    const std::lock_guard lock(container.mutex);
    process = container.process;
  }
  if (process && *process) linux::signal_pidfd(process->get(), number);
}

bool Engine::Impl::await_exit(Container& container, uint64_t exits, SteadyTime deadline) const {
  const auto subscription = container.changed.subscribe();
  for (;;) {
    {
      const std::lock_guard lock(container.mutex);
      if (container.exits > exits || container.removed) return true;
    }
    if (!subscription.wait(stop, deadline)) return false;
  }
}

void Engine::Impl::kill_and_wait(const ContainerPtr& container) {
  uint64_t exits = 0;
  Status status{};
  container->update([&](Record& r) {
    exits = container->exits;
    status = r.info.state.status;
    r.manually_stopped = true;
    if (status == Status::restarting) r.info.state.status = Status::exited;
  });
  if (!is_up(status)) return;
  event(container->snapshot(), "kill", {{"signal", std::to_string(SIGKILL)}});
  signal(*container, SIGKILL);
  if (status == Status::paused) thaw(runtime, container->id);
  if (!await_exit(*container, exits, in(seconds(30))))
    throw internal("tried to kill container {}, but did not receive an exit event", container->id);
}

void Engine::stop(const std::string& id, std::optional<int> timeout_s, std::optional<int> signal) {
  const auto container = impl_->get(id);
  uint64_t exits = 0;
  Record record;
  container->update([&](Record& r) {
    exits = container->exits;
    record = r;
    r.manually_stopped = true;
    if (r.info.state.status == Status::restarting) r.info.state.status = Status::exited;
  });
  const Status status = record.info.state.status;
  if (status == Status::restarting) {
    impl_->save(*container);
    return;
  }
  if (!is_up(status)) throw not_modified("container {} is not running", record.info.id);
  if (status == Status::paused) {
    try {
      unpause(container->id);
    } catch (const Error& e) {
      if (e.kind() != Kind::conflict) throw;  // thawed or ended by another call meanwhile
    }
  }
  const int timeout =
      timeout_s.value_or(record.info.spec.stop_timeout.value_or(kDefaultStopTimeout));
  const int number = signal.value_or(parse_signal(record.stop_signal).value_or(SIGTERM));
  impl_->event(record, "kill", {{"signal", std::to_string(number)}});
  impl_->signal(*container, number);
  const auto deadline = timeout < 0 ? SteadyTime::max() : in(seconds(timeout));
  if (!impl_->await_exit(*container, exits, deadline)) {
    impl_->stop.throw_if_requested();
    impl_->kill_and_wait(container);
  }
  // Its network and volumes are given back by then, and that was told.
  const std::lock_guard operation(container->operation);
  impl_->event(record, "stop");
}

void Engine::kill(const std::string& id, int number) {
  const auto container = impl_->get(id);
  Record record = container->snapshot();
  if (!is_up(record.info.state.status))
    throw conflict("cannot kill container: {}: container {} is not running", id, record.info.id);
  if (number == SIGKILL || number == parse_signal(record.stop_signal).value_or(SIGTERM))
    container->update([](Record& r) { r.manually_stopped = true; });
  // As Docker: `docker kill x && docker rm x` works.
  if (number == SIGKILL) return impl_->kill_and_wait(container);
  impl_->event(record, "kill", {{"signal", std::to_string(number)}});
  impl_->signal(*container, number);
}

void Engine::restart(const std::string& id, std::optional<int> timeout_s,
                     std::optional<int> signal) {
  const auto container = impl_->get(id);
  if (is_up(container->snapshot().info.state.status)) {
    try {
      stop(container->id, timeout_s, signal);
    } catch (const Error& e) {
      if (e.kind() != Kind::not_modified) throw;
    }
  }
  try {
    start(container->id);
  } catch (const Error& e) {
    if (e.kind() != Kind::not_modified) throw;
  }
  impl_->event(container->snapshot(), "restart");
}

void Engine::pause(const std::string& id) {
  const auto container = impl_->get(id);
  const std::lock_guard operation(container->operation);
  const Info info = container->snapshot().info;
  if (info.state.status == Status::paused)
    throw conflict("Container {} is already paused", info.id);
  if (info.state.status != Status::running) throw conflict("Container {} is not running", info.id);
  unless_ended(*container, [&] { impl_->runtime.pause(info.id); });
  container->update([](Record& r) {
    if (r.info.state.status == Status::running) r.info.state.status = Status::paused;
  });
  impl_->save(*container);
  impl_->event(container->snapshot(), "pause");
}

void Engine::unpause(const std::string& id) {
  const auto container = impl_->get(id);
  const std::lock_guard operation(container->operation);
  const Info info = container->snapshot().info;
  if (info.state.status != Status::paused) throw conflict("Container {} is not paused", info.id);
  unless_ended(*container, [&] { impl_->runtime.resume(info.id); });
  container->update([](Record& r) {
    if (r.info.state.status == Status::paused) r.info.state.status = Status::running;
  });
  impl_->save(*container);
  impl_->event(container->snapshot(), "unpause");
}

int Engine::wait(const std::string& id, WaitCondition condition, const Stop& stop,
                 const std::function<void()>& on_armed) {
  const auto container = impl_->get(id);
  const auto subscription = container->changed.subscribe();
  uint64_t exits = 0;
  {
    const std::lock_guard lock(container->mutex);
    exits = container->exits;
  }
  if (on_armed) on_armed();
  for (;;) {
    {
      const std::lock_guard lock(container->mutex);
      const State& state = container->record.info.state;
      const bool up = is_up(state.status) || state.status == Status::restarting;
      const bool ended = container->exits > exits;
      // dead: a removal that failed, and will not go on by itself. An end that a restart follows is
      // one all the same, as with Docker: an attached client would stay for ever.
      const bool done = container->removed ||
                        (condition == WaitCondition::not_running && (!up || ended)) ||
                        (condition == WaitCondition::removed && state.status == Status::dead) ||
                        (condition == WaitCondition::next_exit && ended);
      if (done) return state.exit_code;
    }
    if (!subscription.wait(stop)) throw cancelled("the wait for {} was ended", id);
  }
}

}  // namespace slipway::container
