// POST /build: the classic builder's request and its output stream.
#include "base/error.h"
#include "base/strings.h"
#include "build/builder.h"
#include "build/parser/instructions.h"
#include "codec/hash.h"
#include "docker/auth.h"
#include "docker/build_json.h"
#include "docker/fields.h"
#include "docker/filters.h"
#include "docker/handlers.h"
#include "docker/publish.h"

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

Error no_buildkit() {
  return unimplemented(
      "BuildKit's own protocol is not implemented. The same Dockerfiles build with "
      "DOCKER_BUILDKIT=0 docker build (slipway env sets it) or with slipway build");
}

// Options that would change the result and that the builder does not have.
void refuse_unsupported(const Call& call) {
  if (const auto remote = call.text("remote"); !remote.empty()) {
    throw unimplemented("building from a remote context ({}) is not implemented: send a tar",
                        remote);
  }
  if (call.text("version") == "2") throw no_buildkit();
  for (const auto* name : {"squash", "outputs"}) {
    const auto value = call.text(name);
    if (!value.empty() && value != "0" && value != "null" && value != "[]") {
      throw unimplemented("build option {} is not implemented", name);
    }
  }
}

std::vector<std::string> list_parameter(const Call& call, const char* name) {
  return list_field({{name, json_parameter(call, name, Json::array())}}, name);
}

// seccomp is what the steps' containers take; the CLI has read the profile's file.
void read_security_options(const Call& call, build::Request& out) {
  for (const auto& option : query_values(call.query, "securityopt")) {  // not JSON, as most are
    const auto [name, value] = split_once(option, '=');
    if (name != "seccomp")
      throw unimplemented("build option securityopt: only seccomp is implemented, not {}", option);
    out.seccomp = value == "builtin" ? "" : std::string(value);
  }
}

void read_build_limits(const Call& call, build::Request& out) {
  out.memory_bytes = size_parameter(call, "memory");
  out.shm_size_bytes = size_parameter(call, "shmsize");
  out.memory_swap_bytes = call.number("memswap").value_or(0);
  out.cpu_shares = call.number("cpushares").value_or(0);
  out.cpu_quota_us = call.number("cpuquota").value_or(0);
  out.cpu_period_us = call.number("cpuperiod").value_or(0);
  out.cgroup_parent = call.text("cgroupparent");
  out.cpuset_cpus = call.text("cpusetcpus");
  out.cpuset_mems = call.text("cpusetmems");
  read_security_options(call, out);
  for (const auto& limit : json_parameter(call, "ulimits", Json::array())) {
    if (!limit.is_object()) throw invalid_argument("ulimits: want a list of objects");
    out.ulimits.push_back({limit.value("Name", ""), limit.value("Soft", int64_t{0}),
                           limit.value("Hard", int64_t{0})});
  }
}

// What `slipway build` sends before the archive, as one line of JSON: nothing of it is in the URL,
// which may be logged.
void read_private_part(Call& call, build::Request& out) {
  constexpr size_t most = 8u << 20;
  std::string line;
  char c = 0;
  while (call.exchange.read({&c, 1}) == 1 && c != '\n') {
    if (line.size() >= most) throw too_large("secrets are larger than {} bytes together", most);
    line += c;
  }
  const auto json = parse_json(line, "the first line of the request");
  for (const auto& [id, value] : json.at("secrets").items())
    out.secrets[id] = base64_decode(value.get<std::string>());
  for (const auto& [id, value] : json.at("ssh").items()) out.ssh_agents[id] = value;
}

build::Request build_request(const Call& call) {
  build::Request out;
  refuse_unsupported(call);
  out.dockerfile = call.text("dockerfile", "Dockerfile");
  if (out.dockerfile.empty()) out.dockerfile = "Dockerfile";
  // One that lay outside of the context has a name that its client made up.
  const std::string shown = out.dockerfile.starts_with(".dockerfile.") ? "Dockerfile" : "";
  out.shown_dockerfile = call.text("shownfile", shown);
  out.shown_context = call.text("showncontext");
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
  out.outside = call.flag("outside");
  out.zstd = call.text("compression") == "zstd";
  out.cache_from = list_parameter(call, "cachefrom");
  out.no_cache_stages = list_parameter(call, "nocachefilter");
  for (const auto& allowed : list_parameter(call, "allow"))
    if (allowed == "security.insecure") out.allow_insecure = true;
  read_build_limits(call, out);
  const auto hosts = call.text("extrahosts");
  if (hosts.starts_with('[')) {
    out.extra_hosts = list_field({{"extrahosts", parse_json(hosts, "extrahosts")}}, "extrahosts");
  } else if (!hosts.empty()) {
    out.extra_hosts = split(hosts, ',');
  }
  out.credentials = parse_config_header(call.exchange.request().headers.get("X-Registry-Config"));
  return out;
}

Json build_event_json(const build::Event& event) {
  using Kind = build::Event::Kind;
  static const std::map<Kind, const char*> names = {
      {Kind::begin, "begin"}, {Kind::step, "step"},      {Kind::output, "output"},
      {Kind::done, "done"},   {Kind::failed, "failed"},  {Kind::stage_done, "stage_done"},
      {Kind::note, "note"},   {Kind::message, "message"}};
  Json out = {{"event", names.at(event.kind)}, {"text", event.text}};
  if (event.id != 0) out["id"] = event.id;
  if (event.kind == Kind::begin) out["steps"] = event.steps;
  if (event.kind == Kind::step)
    out.update({{"stage", event.stage_name},
                {"number", event.number},
                {"line", event.line},
                {"trigger", event.trigger}});
  if (event.kind == Kind::done || event.kind == Kind::failed)
    out.update({{"seconds", event.seconds}, {"cached", event.cached}, {"line", event.line}});
  return out;
}

// The events of a build as the client wants them: the classic text, quiet, or as they are.
class BuildAnswer {
 public:
  explicit BuildAnswer(Call& call)
      : quiet_(call.flag("q")), events_(call.flag("slipway")), out_(call), classic_([this](auto t) {
          if (!quiet_) return out_.write({{"stream", t}});
          if (held_.size() < (1u << 20)) held_ += t;
        }) {}

  void take(const build::Event& event) {
    if (event.kind == build::Event::Kind::done && !event.cached) made_something_ = true;
    if (!events_) return classic_(event);
    if (event.kind != build::Event::Kind::note && event.kind != build::Event::Kind::stage_done)
      out_.write(build_event_json(event));
  }
  // Files of the target, for a client that wants them instead of an image.
  void take_files(std::string_view bytes) {
    constexpr size_t piece = 384 * 1024;
    held_ += bytes;
    if (held_.size() >= piece) write_files();
  }
  void end(const std::string& id) {
    if (events_ && !held_.empty()) write_files();
    if (quiet_) {
      out_.write({{"stream", id + "\n"}});
    } else {
      out_.write({{"aux", {{"ID", id}}}});
    }
    out_.finish();
  }
  void fail(const Error& e, int code) {
    if (!events_) classic_.flush();
    if (quiet_ && !held_.empty()) out_.write({{"stream", held_}});
    if (events_) out_.begin();
    out_.fail(e, code);
  }
  bool made_something() const { return made_something_; }

 private:
  void write_files() { out_.write({{"tar", base64_encode(std::exchange(held_, {}))}}); }

  bool quiet_, events_, made_something_ = false;
  JsonLines out_;
  std::string held_;  // of a quiet build: shown when it fails; of files: not yet sent
  build::ClassicText classic_;
};

}  // namespace

void refuse_buildkit(Call&) {
  throw no_buildkit();
}

void build_image(Call& call) {
  if (call.deps.builder == nullptr) throw unimplemented("this daemon has no builder");
  auto request = build_request(call);
  if (call.flag("slipway")) read_private_part(call, request);
  BuildAnswer answer(call);
  if (call.flag("slipway") && call.text("output") == "tar")
    request.files = [&](std::string_view bytes) { answer.take_files(bytes); };
  const ByteSource context = [&](std::span<char> into) { return call.exchange.read(into); };
  const auto observer = [&](const build::Event& event) { answer.take(event); };
  try {
    const auto id = call.deps.builder->build(request, context, observer, call.exchange.stop());
    publish_built(call, id, request.tags, answer.made_something());
    answer.end(id);
  } catch (const build::StepFailed& e) {
    answer.fail(e, e.code());
  } catch (const Error& e) {
    if (e.kind() == Kind::cancelled) throw;
    answer.fail(e, 0);
  }
  if (answer.made_something()) call.deps.builder->collect();
}

static bool fits_cache_filters(const Filters& filters, const build::CacheUsage& one) {
  const auto says = [&](const char* name, bool is) {
    return !filters.has(name) || filters.flag(name, false) == is;
  };
  return filters.allows("id", one.id) && filters.allows("type", one.type) &&
         filters.allows("description", one.description) && says("inuse", one.in_use) &&
         says("shared", one.shared) && says("private", !one.shared);
}

void prune_build_cache(Call& call) {
  if (call.deps.builder == nullptr) throw unimplemented("this daemon has no builder");
  const auto filters =
      Filters::parse(call.text("filters"), {"until", "unused-for", "id", "type", "description",
                                            "inuse", "shared", "private", "label", "label!"});
  // What is in the cache has no labels: nothing fits one, everything is without one.
  if (filters.has("label"))
    return call.json(200, {{"CachesDeleted", Json::array()}, {"SpaceReclaimed", 0}});
  build::PruneOptions options;
  options.all = call.flag("all");
  options.fits = [&](const build::CacheUsage& one) { return fits_cache_filters(filters, one); };
  for (const char* name : {"until", "unused-for"}) {
    if (filters.has(name))
      options.unused_for =
          microseconds(build::parse_duration_ns(filters.values(name).front()) / 1000);
  }
  for (const char* name : {"keep-storage", "reserved-space", "max-used-space"}) {
    if (const auto bytes = size_parameter(call, name); bytes > 0) options.keep_bytes = bytes;
  }
  const auto gone = call.deps.builder->prune_cache(options);
  publish_prune(call, "builder", gone.bytes);
  call.json(200, {{"CachesDeleted", gone.ids}, {"SpaceReclaimed", gone.bytes}});
}

Json build_cache_json(const Deps& deps) {
  Json out = Json::array();
  if (deps.builder == nullptr) return out;
  for (const auto& one : deps.builder->cache_usage()) {
    out.push_back({{"ID", one.id},
                   {"Type", one.type},
                   {"Description", one.description},
                   {"InUse", one.in_use},
                   {"Shared", one.shared},
                   {"Size", one.bytes},
                   {"CreatedAt", to_rfc3339(one.created, 9)},
                   {"LastUsedAt", to_rfc3339(one.last_used, 9)},
                   {"UsageCount", 1}});
  }
  return out;
}

}  // namespace slipway::docker
