// GET /events: what happens, as it happens. Past events are not kept.
#include "base/error.h"
#include "base/strings.h"
#include "container/engine.h"
#include "docker/filters.h"
#include "docker/handlers.h"
#include "docker/times.h"

namespace slipway::docker {
namespace {

bool wanted(const container::Event& event, const Filters& filters) {
  if (!filters.allows("type", event.type) || !filters.allows("event", event.action)) return false;
  if (!filters.allows_labels(event.attributes)) return false;
  const auto attribute = [&](const char* name) {
    const auto it = event.attributes.find(name);
    return it == event.attributes.end() ? std::string() : it->second;
  };
  if (filters.has("image") && !filters.allows("image", attribute("image"))) return false;
  if (!filters.has("container")) return true;
  if (event.type != "container") return false;
  for (const auto& name : filters.values("container")) {
    if (event.id.starts_with(name) || attribute("name") == name) return true;
  }
  return false;
}

Json event_json(const container::Event& event) {
  const auto micros = event.time.time_since_epoch().count();
  Json out = {{"Type", event.type},
              {"Action", event.action},
              {"Actor", {{"ID", event.id}, {"Attributes", event.attributes}}},
              {"scope", "local"},
              {"time", micros / 1'000'000},
              {"timeNano", micros * 1000}};
  if (event.type == "container") {
    out["status"] = event.action;
    out["id"] = event.id;
    const auto image = event.attributes.find("image");
    if (image != event.attributes.end()) out["from"] = image->second;
  }
  return out;
}

}  // namespace

void events(Call& call) {
  const auto filters =
      Filters::parse(call.text("filters"), {"type", "event", "container", "image", "label",
                                            "network", "volume", "daemon", "scope", "node"});
  const auto since = parse_unix_time(call.text("since"));
  const auto until = parse_unix_time(call.text("until"));
  const auto now = call.deps.clock.now();
  if (since && *since < now - seconds(10)) {
    throw unimplemented("past events are not kept: leave --since out");
  }
  auto deadline = SteadyTime::max();
  if (until) deadline = std::chrono::steady_clock::now() + std::max(microseconds(0), *until - now);
  JsonLines out(call);
  uint64_t cursor = 0;
  const auto& stop = call.exchange.stop();
  call.deps.engine.events(cursor, stop, std::chrono::steady_clock::now());  // from here on
  out.begin();
  while (!stop.requested() && std::chrono::steady_clock::now() < deadline) {
    for (const auto& event : call.deps.engine.events(cursor, stop, deadline)) {
      if (wanted(event, filters)) out.write(event_json(event));
    }
  }
  out.finish();
}

}  // namespace slipway::docker
