// A container's output and input: attach, logs, terminal size.
#include <poll.h>
#include <sys/inotify.h>

#include "base/log.h"
#include "container/impl.h"
#include "container/log_reader.h"

namespace slipway::container {
namespace {

// Waits for the log file to grow or the container to change.
class LogWatch {
 public:
  explicit LogWatch(const std::string& path)
      : fd_(check(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "watch a log")) {
    // The folder tells of the file, which appears with the first start, and of its successors.
    const std::string folder = path.substr(0, path.rfind('/'));
    check(::inotify_add_watch(fd_.get(), folder.c_str(), IN_CREATE | IN_MODIFY | IN_MOVED_TO),
          "watch {}", folder);
  }
  // False: stop.
  bool wait(int changed_fd, const Stop& stop) const {
    std::array<pollfd, 3> fds = {
        {{fd_.get(), POLLIN, 0}, {changed_fd, POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
    for (;;) {
      const int count = ::poll(fds.data(), fds.size(), -1);
      if (count < 0 && errno == EINTR) continue;
      if (stop.requested() || count < 0) return false;
      std::array<char, 4096> drained;
      while (::read(fd_.get(), drained.data(), drained.size()) > 0) {
      }
      return true;
    }
  }

 private:
  Fd fd_;
};

bool may_write(const Container& container) {
  const std::lock_guard lock(container.mutex);
  const Status status = container.record.info.state.status;
  return !container.removed && (is_up(status) || status == Status::restarting);
}

}  // namespace

void Engine::logs(const std::string& id, const LogOptions& options, const Stop& stop,
                  const std::function<bool(const LogLine&)>& sink) const {
  const auto container = impl_->get(id);
  const Info info = container->snapshot().info;
  if (info.log_path.empty())
    throw unimplemented("configured logging driver does not support reading");
  bool past_end = false;
  // What is not followed has an end, however fast the container writes on.
  int64_t lines_left = !options.follow && options.tail >= 0 ? options.tail : INT64_MAX;
  auto end = TimePoint::max();
  LogAssembler assembler([&](const LogLine& line) {
    if (options.since && line.time < *options.since) return true;
    if (line.time > std::min(end, options.until.value_or(end))) {
      past_end = true;
      return false;
    }
    if (!(line.stream == 2 ? options.err : options.out)) return true;
    past_end = lines_left-- <= 0;
    return !past_end && sink(line);
  });
  const auto subscription = container->changed.subscribe();
  std::optional<LogWatch> watch;
  if (options.follow) watch.emplace(info.log_path);
  LogFile file(info.log_path);
  if (options.tail >= 0) {
    file.seek_tail(options.tail, options.out, options.err);
  } else if (!options.follow) {
    end = impl_->clock.now();
  }
  for (;;) {
    const bool going =
        may_write(*container);  // before reading: what comes after an end is read then
    const bool go_on = file.read([&](const LogRecord& record) { return assembler.add(record); });
    if (!go_on || past_end) return;
    if (!options.follow || !going) break;
    if (!watch->wait(subscription.fd(), stop)) return;
    subscription.drain();
  }
  assembler.finish();
}

namespace {

// A place in the queue of a container that does not run yet; null when it runs.
std::shared_ptr<PendingAttach> enqueue_attach(Container& container) {
  const std::lock_guard lock(container.mutex);
  const Status status = container.record.info.state.status;
  if (status == Status::paused)
    throw conflict("Container {} is paused, unpause the container before attach", container.id);
  if (status == Status::removing || status == Status::dead || container.removed)
    throw conflict("container {} is marked for removal and cannot be attached to", container.id);
  if (status == Status::restarting)
    throw conflict("Container {} is restarting, wait until the container is running", container.id);
  if (status == Status::running) return nullptr;
  container.pending.push_back(std::make_shared<PendingAttach>());
  return container.pending.back();
}

// The connection once the container starts; invalid when that failed, or at the stop.
Fd await_start(Container& container, const std::shared_ptr<PendingAttach>& pending,
               const Broadcast::Subscription& subscription, const Stop& stop) {
  do {
    const std::lock_guard lock(container.mutex);
    if (pending->done) return std::move(pending->socket);
    if (container.removed) return {};
  } while (subscription.wait(stop));
  const std::lock_guard lock(container.mutex);
  std::erase(container.pending, pending);
  return {};
}

}  // namespace

void Engine::attach(const std::string& id, const Streams& streams, bool stdin_open,
                    const Stop& stop, const std::function<void()>& on_attached) {
  const auto container = impl_->get(id);
  const auto subscription = container->changed.subscribe();
  const auto pending = enqueue_attach(*container);
  impl_->event(container->snapshot(), "attach");
  Fd socket;
  if (!pending) {
    try {
      socket = connect_attach(impl_->run_directory(container->id));
    } catch (const SystemError&) {
      // It ended in this moment: an attachment that is over.
    }
  }
  if (on_attached) on_attached();
  if (pending) socket = await_start(*container, pending, subscription, stop);
  if (socket && pump_attach(socket, streams, stdin_open, stop))
    impl_->event(container->snapshot(), "detach");
}

void Engine::resize(const std::string& id, int height, int width) {
  const auto container = impl_->get(id);
  if (!is_up(container->snapshot().info.state.status))
    throw conflict("Container {} is not running", container->id);
  resize_terminal(impl_->run_directory(container->id), height, width);
  impl_->event(container->snapshot(), "resize",
               {{"height", std::to_string(height)}, {"width", std::to_string(width)}});
}

}  // namespace slipway::container
