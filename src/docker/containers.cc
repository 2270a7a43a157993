// The life cycle of containers: start, stop, kill, wait, remove and the like.
#include <csignal>

#include "base/error.h"
#include "base/strings.h"
#include "docker/container_json.h"
#include "docker/disk.h"
#include "docker/filters.h"
#include "docker/handlers.h"
#include "docker/publish.h"
#include "docker/times.h"
#include "docker/top.h"

namespace slipway::docker {
namespace {

std::string id_of(const Call& call) {
  return docker_container(call.deps, call.var("id")).id;
}

// "9", "KILL", "SIGKILL", "RTMIN+3".
int parse_signal(const std::string& text) {
  if (text.empty()) return SIGKILL;
  if (const auto number = parse_uint(text)) {
    if (*number >= 1 && *number <= static_cast<uint64_t>(SIGRTMAX))
      return static_cast<int>(*number);
    throw invalid_argument("invalid signal: {}", text);
  }
  auto name = to_upper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  if (name.starts_with("RTMIN+")) {
    const auto offset = parse_uint(name.substr(6));
    if (offset && *offset <= 30) return SIGRTMIN + static_cast<int>(*offset);
  }
  for (int signal = 1; signal < 32; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known != nullptr && name == known) return signal;
  }
  throw invalid_argument("invalid signal: {}", text);
}

std::optional<int> timeout_of(const Call& call) {
  const auto given = call.number("t");
  if (!given) return std::nullopt;
  if (*given < -1 || *given > 86'400 * 365) throw invalid_argument("invalid timeout: {}", *given);
  return static_cast<int>(*given);
}

std::optional<int> stop_signal_of(const Call& call) {
  const auto text = call.text("signal");
  return text.empty() ? std::nullopt : std::optional(parse_signal(text));
}

container::WaitCondition condition_of(const std::string& text) {
  if (text.empty() || text == "not-running") return container::WaitCondition::not_running;
  if (text == "next-exit") return container::WaitCondition::next_exit;
  if (text == "removed") return container::WaitCondition::removed;
  throw invalid_argument("invalid condition: \"{}\"", text);
}

}  // namespace

void inspect_container(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  auto json = container_details(info, call.deps);
  if (call.flag("size")) add_sizes(call.deps, info, json);
  call.json(200, json);
}

void start_container(Call& call) {
  call.deps.engine.start(id_of(call));
  call.empty(204);
}

void stop_container(Call& call) {
  call.deps.engine.stop(id_of(call), timeout_of(call), stop_signal_of(call));
  call.empty(204);
}

void restart_container(Call& call) {
  call.deps.engine.restart(id_of(call), timeout_of(call), stop_signal_of(call));
  call.empty(204);
}

void kill_container(Call& call) {
  call.deps.engine.kill(id_of(call), parse_signal(call.text("signal")));
  call.empty(204);
}

void pause_container(Call& call) {
  call.deps.engine.pause(id_of(call));
  call.empty(204);
}

void unpause_container(Call& call) {
  call.deps.engine.unpause(id_of(call));
  call.empty(204);
}

void rename_container(Call& call) {
  const auto name = call.text("name");
  if (name.empty()) throw invalid_argument("Neither old nor new names may be empty");
  call.deps.engine.rename(id_of(call), name);
  call.empty(204);
}

void remove_container(Call& call) {
  if (call.flag("link")) {
    docker_container(call.deps, split_once(call.var("id"), '/').first);
    call.deps.engine.remove_link(call.var("id"));
    return call.empty(204);
  }
  call.deps.engine.remove(id_of(call), call.flag("force"), call.flag("v"));
  call.empty(204);
}

void resize_container(Call& call) {
  const auto height = call.number("h"), width = call.number("w");
  if (!height || !width || *height < 0 || *width < 0 || *height > 65535 || *width > 65535) {
    throw invalid_argument("invalid terminal size");
  }
  call.deps.engine.resize(id_of(call), static_cast<int>(*height), static_cast<int>(*width));
  call.empty(200);
}

void wait_container(Call& call) {
  const auto condition = condition_of(call.text("condition"));
  const auto id = id_of(call);
  // Clients start the container once they have seen our head: it goes out when nothing can be
  // missed any more.
  JsonLines out(call);
  try {
    const int code =
        call.deps.engine.wait(id, condition, call.exchange.stop(), [&] { out.begin(); });
    out.write({{"StatusCode", code}});
  } catch (const Error& e) {
    if (!out.begun() || e.kind() == Kind::cancelled) throw;
    out.write({{"StatusCode", -1}, {"Error", {{"Message", e.what()}}}});
  }
  out.finish();
}

void prune_containers(Call& call) {
  const auto filters = Filters::parse(call.text("filters"), {"label", "label!", "until"});
  std::optional<TimePoint> until;
  if (filters.has("until"))
    until = parse_until(filters.values("until").front(), call.deps.clock.now());
  Json deleted = Json::array();
  uint64_t freed = 0;
  for (const auto& info : call.deps.engine.list()) {
    const auto status = info.state.status;
    const bool stopped = status == container::Status::exited || status == container::Status::dead ||
                         status == container::Status::created;
    if (info.spec.owner != "docker" || !stopped) continue;
    if (!filters.allows_labels(merged_labels(info, call.deps))) continue;
    if (until && info.created > *until) continue;
    try {
      const auto bytes = written_bytes(call.deps, info);
      call.deps.engine.remove(info.id, false, false);
      freed += bytes;
      deleted.push_back(info.id);
    } catch (const Error& e) {  // started or removed meanwhile
      if (e.kind() != Kind::conflict && e.kind() != Kind::not_found) throw;
    }
  }
  publish_prune(call, "container", freed);
  call.json(200, {{"ContainersDeleted", deleted}, {"SpaceReclaimed", freed}});
}

void top_container(Call& call) {
  const auto info = docker_container(call.deps, call.var("id"));
  if (info.state.pid == 0) throw conflict("container {} is not running", info.id);
  const auto processes = processes_json(info.state.pid, info.id, call.text("ps_args", "-ef"));
  publish_container(call, info, "top");
  call.json(200, processes);
}

}  // namespace slipway::docker
