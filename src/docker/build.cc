// POST /build: the classic builder's request and its output stream.
#include "base/error.h"
#include "base/strings.h"
#include "build/builder.h"
#include "docker/auth.h"
#include "docker/fields.h"
#include "docker/filters.h"
#include "docker/handlers.h"

namespace slipway::docker {
namespace {

Json json_parameter(const Call& call, const char* name, const Json& fallback) {
  const auto text = call.text(name);
  if (text.empty()) return fallback;
  auto value = parse_json(text, name);
  return value.is_null() ? fallback : value;
}

// {"A": "1", "B": null}: null is a variable that the client does not have.
std::map<std::string, std::string> map_parameter(const Call& call, const char* name) {
  std::map<std::string, std::string> out;
  const auto json = json_parameter(call, name, Json::object());
  if (!json.is_object()) throw invalid_argument("{}: want a JSON object", name);
  for (const auto& [key, value] : json.items()) {
    if (value.is_null()) continue;
    if (!value.is_string()) throw invalid_argument("{}: {} must be a string", name, key);
    out[key] = value.get<std::string>();
  }
  return out;
}

uint64_t size_parameter(const Call& call, const char* name) {
  const auto value = call.number(name).value_or(0);
  if (value < 0) throw invalid_argument("{} must not be negative", name);
  return static_cast<uint64_t>(value);
}

// Options that would change the result and that the builder does not have.
void refuse_unsupported(const Call& call) {
  if (const auto remote = call.text("remote"); !remote.empty()) {
    throw unimplemented("building from a remote context ({}) is not implemented: send a tar",
                        remote);
  }
  if (call.text("version") == "2") {
    throw unimplemented(
        "BuildKit's protocol is not implemented: set DOCKER_BUILDKIT=0 for the classic builder");
  }
  for (const auto* name : {"squash", "cpusetcpus", "cpusetmems", "cpushares", "cpuquota",
                           "cpuperiod", "memswap", "cgroupparent", "outputs"}) {
    const auto value = call.text(name);
    if (!value.empty() && value != "0" && value != "null" && value != "[]") {
      throw unimplemented("build option {} is not implemented", name);
    }
  }
  for (const auto* name : {"cachefrom", "ulimits", "securityopt"}) {
    if (!is_default(json_parameter(call, name, Json::array())) &&
        name != std::string("cachefrom")) {
      throw unimplemented("build option {} is not implemented", name);
    }
  }
}

build::Request build_request(const Call& call) {
  build::Request out;
  refuse_unsupported(call);
  out.dockerfile = call.text("dockerfile", "Dockerfile");
  if (out.dockerfile.empty()) out.dockerfile = "Dockerfile";
  for (const auto& tag : query_values(call.query, "t")) {
    if (!tag.empty()) out.tags.push_back(tag);
  }
  out.build_args = map_parameter(call, "buildargs");
  out.labels = map_parameter(call, "labels");
  out.target = call.text("target");
  out.network_mode = call.text("networkmode");
  if (out.network_mode == "default") out.network_mode.clear();
  out.platform = call.text("platform");
  out.no_cache = call.flag("nocache");
  out.pull = call.flag("pull");
  out.memory_bytes = size_parameter(call, "memory");
  out.shm_size_bytes = size_parameter(call, "shmsize");
  const auto hosts = call.text("extrahosts");
  if (hosts.starts_with('[')) {
    out.extra_hosts = list_field({{"extrahosts", parse_json(hosts, "extrahosts")}}, "extrahosts");
  } else if (!hosts.empty()) {
    out.extra_hosts = split(hosts, ',');
  }
  out.credentials = parse_config_header(call.exchange.request().headers.get("X-Registry-Config"));
  return out;
}

}  // namespace

void build_image(Call& call) {
  if (call.deps.builder == nullptr) throw unimplemented("this daemon has no builder");
  const auto request = build_request(call);
  const bool quiet = call.flag("q");
  JsonLines out(call);
  std::string held;  // of a quiet build: shown when it fails
  const auto output = [&](std::string_view text) {
    if (!quiet) return out.write({{"stream", text}});
    if (held.size() < (1u << 20)) held += text;
  };
  const ByteSource context = [&](std::span<char> into) { return call.exchange.read(into); };
  const auto fail = [&](const Error& e, int code) {
    if (quiet && !held.empty()) out.write({{"stream", held}});
    out.fail(e, code);
  };
  try {
    const auto id = call.deps.builder->build(request, context, output, call.exchange.stop());
    if (quiet) {
      out.write({{"stream", id + "\n"}});
    } else {
      out.write({{"aux", {{"ID", id}}}});
    }
    out.finish();
  } catch (const build::StepFailed& e) {
    fail(e, e.code());
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    fail(e, 0);
  }
}

void prune_build_cache(Call& call) {
  if (call.deps.builder == nullptr) throw unimplemented("this daemon has no builder");
  const auto filters = Filters::parse(call.text("filters"), {"until", "id", "type", "inuse"});
  if (filters.has("until") || filters.has("id") || filters.has("type")) {
    throw unimplemented("filters of the build cache are not implemented: leave them out");
  }
  call.deps.builder->prune_cache();
  call.json(200, {{"CachesDeleted", Json::array()}, {"SpaceReclaimed", 0}});
}

}  // namespace slipway::docker
