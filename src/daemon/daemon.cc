#include "daemon/daemon.h"

#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "daemon/admin.h"
#include "daemon/front.h"
#include "daemon/loops.h"
#include "linux/process.h"
#include "net/http.h"

namespace slipway::daemon {

namespace {

void listen_front(net::Server& server, const Options& options) {
  try {
    server.listen_tcp(options.listen, options.port);
  } catch (const SystemError& e) {
    if (e.error_number() != EADDRINUSE) throw;
    throw conflict(
        "port {} of {} is taken by another program (see: ss -ltnp 'sport = :{}'). Stop it, or "
        "choose another: "
        "slipway up --port N",
        options.port, options.listen, options.port);
  }
}

Instance make_instance(const Options& options, TimePoint now) {
  Instance instance;
  instance.pid = ::getpid();
  instance.start_time = linux::process_start_time(instance.pid).value_or(0);
  instance.version = version;
  instance.started_at = to_rfc3339(now, 0);
  instance.endpoint = fmt::format(
      "http://{}:{}", options.listen == "0.0.0.0" ? "127.0.0.1" : options.listen, options.port);
  instance.options = options;
  return instance;
}

// From here on commands find the daemon.
Instance announce(const Options& options, TimePoint now) {
  Instance instance = make_instance(options, now);
  write_instance(options, instance);
  log::info("daemon", "slipway {} serves {} and unix://{}", version, instance.endpoint,
            options.docker_socket());
  return instance;
}

void remove_runtime_state(Parts& parts) {
  parts.elb_loop.tear_down();
  parts.agent.tear_down();
  parts.engine.tear_down();
}

}  // namespace

Ending run(const Options& options, const Stop& stop,
           const std::function<void(const Instance&)>& ready) {
  check_machine();
  make_directories(options.run_dir, 0755);
  Parts parts(options);
  Ending ending = Ending::leave;
  parts.engine.recover();
  parts.builder.recover();
  parts.agent.recover();
  Loops loops(parts);

  net::Server docker([&](net::Exchange& exchange) { parts.docker.handle(exchange); });
  net::Server front([&](net::Exchange& exchange) { serve_front(parts, exchange); });
  const Stop leave = stop.child();
  Admin admin(
      parts,
      [&] {
        loops.stop();
        remove_runtime_state(parts);
        ending = Ending::down;
      },
      [&] { leave.request(); });
  net::Server commands([&](net::Exchange& exchange) { admin.handle(exchange); });

  listen_front(front, options);
  docker.listen_unix(options.docker_socket(), 0660);
  commands.listen_unix(options.admin_socket(), 0600);
  ready(announce(options, parts.clock.now()));

  wait_readable(-1, leave);
  log::info(
      "daemon", "{}",
      ending == Ending::down ? "everything is stopped" : "stopping; what runs goes on running");
  commands.stop();
  front.stop();
  docker.stop();
  return ending;
}

void tear_down(const Options& options) {
  make_directories(options.run_dir, 0755);
  Parts parts(options);
  parts.engine.recover();
  parts.builder.recover();
  parts.agent.recover();
  remove_runtime_state(parts);
}

}  // namespace slipway::daemon
