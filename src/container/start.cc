// Starting a container, or saying in Docker's words why it did not start.
#include "base/log.h"
#include "container/impl.h"
#include "container/prepare.h"

namespace slipway::container {
namespace {

// Gives every waiting attach its connection (or none when the start failed).
void serve_attachments(Container& container, const std::string& directory, bool started) {
  std::vector<std::shared_ptr<PendingAttach>> pending;
  {
    const std::lock_guard lock(container.mutex);
    pending = std::exchange(container.pending, {});
  }
  for (const auto& attach : pending) {
    Fd socket;
    if (started) {
      try {
        socket = connect_attach(directory);
      } catch (const std::exception& e) {
        log::warning("container", "attach to {}: {}", container.id, e.what());
      }
    }
    const std::lock_guard lock(container.mutex);
    attach->socket = std::move(socket);
    attach->done = true;
  }
  if (!pending.empty()) container.changed.notify();
}

}  // namespace

void Engine::Impl::note_started(Container& container, const Started& started) {
  container.update([&](Record& r) {
    State& state = r.info.state;
    state.status = Status::running;
    state.pid = started.pid;
    state.exit_code = 0;
    state.oom_killed = false;
    state.error.clear();
    state.started_at = clock.now();
    set_endpoints(r.info, started.joined.endpoints, started.joined.ports);
    r.manually_stopped = false;
    ++r.start_number;
    container.process = started.process;
  });
  save(container);
}

void Engine::Impl::note_failed(Container& container, const std::string& text) {
  container.update([&](Record& r) {
    if (r.info.state.status == Status::running) r.info.state.status = Status::exited;
    r.info.state.pid = 0;
    r.info.state.exit_code = exit_code_of_start_error(text);
    r.info.state.error = text;
    container.process = nullptr;
    ++container.exits;
  });
  save(container);
}

void Engine::Impl::start_locked(const ContainerPtr& container) {
  const Record record = container->snapshot();
  const std::string run = run_directory(record.info.id);
  try {
    const Started started = Start(*this, record).prepare();
    auto conmon = find_conmon(run, record.info.id);
    if (!conmon) throw unavailable("conmon of container {} ended at once", record.info.id);
    serve_attachments(*container, run, true);
    runtime.start(record.info.id);
    note_started(*container, started);
    serve_attachments(*container, run, true);  // those that came in between
    event(container->snapshot(), "start");
    watch_health(container);
    monitor.watch(std::move(conmon->pidfd), [this, container, number = record.start_number + 1] {
      workers.post([this, container, number] { handle_exit(container, number); });
    });
  } catch (const std::exception& e) {
    serve_attachments(*container, run, false);
    release_resources(record);
    note_failed(*container, e.what());
    throw;
  }
}

void Engine::start(const std::string& id) {
  const auto container = impl_->get(id);
  const std::lock_guard operation(container->operation);
  const Record record = container->snapshot();
  switch (record.info.state.status) {
    case Status::running:
      throw not_modified("container {} is running already", record.info.id);
    case Status::paused:
      throw conflict("cannot start a paused container, try unpause instead");
    case Status::removing:
    case Status::dead:
      throw conflict("container is marked for removal and cannot be started");
    default:
      break;
  }
  container->update([](Record& r) {
    r.restart_attempts = 0;
    r.info.state.restart_count = 0;
  });
  try {
    impl_->start_locked(container);
  } catch (const std::exception&) {
    if (record.info.spec.auto_remove) impl_->remove_locked(container, true);
    throw;
  }
}

}  // namespace slipway::container
