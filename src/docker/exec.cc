// Further processes in running containers.
#include "base/error.h"
#include "docker/container_json.h"
#include "docker/fields.h"
#include "docker/framing.h"
#include "docker/handlers.h"

namespace slipway::docker {
namespace {

void run_attached(Call& call, const container::ExecInfo& info) {
  LateStream stream(info.spec.tty);
  stream.open(call);
  const auto& stop = call.exchange.stop();
  container::Streams streams;
  streams.output = [&](int from, std::string_view bytes) {
    if (from == 2 ? info.spec.attach_stderr : info.spec.attach_stdout) stream.send(from, bytes);
  };
  if (info.spec.attach_stdin) streams.input = &stream;
  if (info.spec.attach_stdin && info.spec.tty) streams.detach_keys = info.spec.detach_keys;
  try {
    call.deps.engine.exec_start(info.id, streams, false, stop);
  } catch (const Error& e) {
    // The connection is the client's by now: what went wrong can only be told on it.
    if (e.kind() != Kind::cancelled) stream.send(2, std::string(e.what()) + "\r\n");
  }
  stream.end(stop);
}

}  // namespace

void create_exec(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  const auto body = call.body();
  container::ExecSpec spec;
  spec.cmd = list_field(body, "Cmd");
  spec.env = list_field(body, "Env");
  spec.user = text_field(body, "User");
  spec.working_dir = text_field(body, "WorkingDir");
  spec.tty = flag_field(body, "Tty");
  spec.attach_stdin = flag_field(body, "AttachStdin");
  spec.attach_stdout = flag_field(body, "AttachStdout");
  spec.attach_stderr = flag_field(body, "AttachStderr");
  spec.privileged = flag_field(body, "Privileged");
  spec.detach_keys = parse_detach_keys(text_field(body, "DetachKeys"));
  if (spec.cmd.empty()) throw invalid_argument("No exec command specified");
  call.json(201, {{"Id", call.deps.engine.exec_create(info.id, spec)}});
}

void start_exec(Call& call) {
  const auto body = call.body();
  const auto info = call.deps.engine.exec_inspect(call.var("id"));
  if (info.running || info.exit_code) {
    throw conflict("Error: Exec command {} has already run", info.id);
  }
  if (!flag_field(body, "Detach")) return run_attached(call, info);
  call.deps.engine.exec_start(info.id, {}, true, call.exchange.stop());
  call.empty(200);
}

void inspect_exec(Call& call) {
  const auto info = call.deps.engine.exec_inspect(call.var("id"));
  const std::vector<std::string> arguments(info.spec.cmd.begin() + (info.spec.cmd.empty() ? 0 : 1),
                                           info.spec.cmd.end());
  call.json(200, {{"ID", info.id},
                  {"Running", info.running},
                  {"ExitCode", info.exit_code ? Json(*info.exit_code) : Json()},
                  {"ProcessConfig",
                   {{"tty", info.spec.tty},
                    {"entrypoint", info.spec.cmd.empty() ? "" : info.spec.cmd[0]},
                    {"arguments", arguments},
                    {"privileged", info.spec.privileged},
                    {"user", info.spec.user}}},
                  {"OpenStdin", info.spec.attach_stdin},
                  {"OpenStderr", info.spec.attach_stderr},
                  {"OpenStdout", info.spec.attach_stdout},
                  {"CanRemove", !info.running},
                  {"ContainerID", info.container_id},
                  {"DetachKeys", ""},
                  {"Pid", info.pid}});
}

void resize_exec(Call& call) {
  const auto height = call.number("h"), width = call.number("w");
  if (!height || !width || *height < 0 || *width < 0 || *height > 65535 || *width > 65535) {
    throw invalid_argument("invalid terminal size");
  }
  call.deps.engine.exec_resize(call.var("id"), static_cast<int>(*height), static_cast<int>(*width));
  call.empty(200);
}

}  // namespace slipway::docker
