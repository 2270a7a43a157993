// slipway build: sends a build context to the daemon and shows what becomes of it.
#include <csignal>
#include <filesystem>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "cli/build_context.h"
#include "cli/build_output.h"
#include "cli/build_progress.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "codec/form.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "net/http.h"

namespace slipway::cli {

namespace {

// NAME=VALUE, or NAME alone: the environment's value, nothing when it has none.
Json named_values(const std::vector<std::string>& words, bool from_environment) {
  Json out = Json::object();
  for (const auto& word : words) {
    const auto [name, value] = split_once(word, '=');
    if (word.find('=') != std::string::npos) {
      out[name] = value;
    } else if (const char* known = from_environment ? std::getenv(name.c_str()) : ""; known) {
      out[name] = known;
    }
  }
  return out;
}

Json build_arguments(const BuildCommand& command) {
  Json out = named_values(command.build_args, true);
  const char* epoch = std::getenv("SOURCE_DATE_EPOCH");
  if (epoch != nullptr && !out.contains("SOURCE_DATE_EPOCH")) out["SOURCE_DATE_EPOCH"] = epoch;
  return out;
}

// id=ID,src=FILE or id=ID,env=NAME.
void add_secret(Json& secrets, const std::string& text) {
  std::string id, file, variable;
  for (const auto& field : split(text, ',')) {
    const auto [key, value] = split_once(field, '=');
    if (key == "id") {
      id = value;
    } else if (key == "src" || key == "source") {
      file = value;
    } else if (key == "env") {
      variable = value;
    } else if (key != "type") {
      throw invalid_argument("--secret {}: unexpected key '{}' (id, src, env)", text, key);
    }
  }
  if (id.empty()) throw invalid_argument("--secret {}: needs an id", text);
  if (!file.empty()) {
    secrets[id] = base64_encode(read_file(file));
    return;
  }
  const char* value = std::getenv(variable.empty() ? id.c_str() : variable.c_str());
  if (value == nullptr)
    throw invalid_argument("--secret {}: give src=FILE or env=NAME (there is no variable {})", text,
                           variable.empty() ? id : variable);
  secrets[id] = base64_encode(value);
}

void add_agent(Json& agents, const std::string& text) {
  const auto [id, path] = split_once(text, '=');
  std::string socket = path;
  if (socket.empty()) {
    const char* known = std::getenv("SSH_AUTH_SOCK");
    if (known == nullptr)
      throw invalid_argument("--ssh {}: no agent runs (SSH_AUTH_SOCK is not set)", text);
    socket = known;
  }
  if (!std::filesystem::is_socket(socket))
    throw invalid_argument(
        "--ssh {}: {} is not the socket of an agent (keys as files: add them to one with ssh-add)",
        text, socket);
  agents[id] = std::filesystem::absolute(socket).string();
}

std::string private_line(const BuildCommand& command) {
  Json out = {{"secrets", Json::object()}, {"ssh", Json::object()}};
  for (const auto& text : command.secrets) add_secret(out["secrets"], text);
  for (const auto& text : command.ssh) add_agent(out["ssh"], text);
  return out.dump() + "\n";
}

Json ulimits_json(const std::vector<std::string>& words) {
  Json out = Json::array();
  for (const auto& word : words) {
    const auto [name, limits] = split_once(word, '=');
    const auto [soft, hard] = split_once(limits, ':');
    const auto low = parse_int(soft);
    const auto high = hard.empty() ? low : parse_int(hard);
    if (!low || !high) throw invalid_argument("--ulimit {}: want NAME=SOFT[:HARD]", word);
    out.push_back({{"Name", name}, {"Soft", *low}, {"Hard", *high}});
  }
  return out;
}

std::string size_text(const std::string& option, const std::string& text) {
  const auto bytes = parse_bytes(text);
  if (!bytes) throw invalid_argument("{} {}: not a size (512m, 2g)", option, text);
  return std::to_string(*bytes);
}

// An image's name, or buildx's "type=registry,ref=NAME".
std::string cache_source(const std::string& text) {
  if (text.find('=') == std::string::npos) return text;
  std::string type, reference;
  for (const auto& field : split(text, ',')) {
    const auto [key, value] = split_once(field, '=');
    if (key == "type") type = value;
    if (key == "ref") reference = value;
  }
  if (type != "registry" || reference.empty())
    throw invalid_argument("--cache-from {}: want an image's name (or type=registry,ref=NAME)",
                           text);
  return reference;
}

// A profile is read here: the daemon has other files.
std::string security_option(const std::string& text) {
  const auto [name, value] = split_once(text, '=');
  if (name != "seccomp")
    throw invalid_argument("--security-opt {}: only seccomp is implemented", text);
  if (value == "unconfined" || value == "builtin") return text;
  return "seccomp=" + read_file(value);
}

void add_limits(const BuildCommand& command, Pairs& out) {
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) out.emplace_back(name, value);
  };
  if (!command.memory.empty()) out.emplace_back("memory", size_text("--memory", command.memory));
  if (!command.memory_swap.empty())
    out.emplace_back("memswap", command.memory_swap == "-1"
                                    ? "-1"
                                    : size_text("--memory-swap", command.memory_swap));
  if (!command.shm_size.empty())
    out.emplace_back("shmsize", size_text("--shm-size", command.shm_size));
  add("cgroupparent", command.cgroup_parent);
  add("cpuperiod", command.cpu_period);
  add("cpuquota", command.cpu_quota);
  add("cpushares", command.cpu_shares);
  add("cpusetcpus", command.cpuset_cpus);
  add("cpusetmems", command.cpuset_mems);
  for (const auto& option : command.security)
    out.emplace_back("securityopt", security_option(option));
}

std::string query_of(const BuildCommand& command, const ContextArchive& context, bool files) {
  std::vector<std::string> cache_from;
  for (const auto& text : command.cache_from) cache_from.push_back(cache_source(text));
  Pairs out = {{"slipway", "1"},
               {"dockerfile", context.dockerfile()},
               {"shownfile", context.shown_dockerfile()},
               {"showncontext", context.shown_context()},
               {"compression", command.compression},
               {"buildargs", build_arguments(command).dump()},
               {"labels", named_values(command.labels, false).dump()},
               {"cachefrom", Json(cache_from).dump()},
               {"nocachefilter", Json(command.no_cache_stages).dump()},
               {"allow", Json(command.allow).dump()},
               {"extrahosts", Json(command.add_hosts).dump()},
               {"ulimits", ulimits_json(command.ulimits).dump()}};
  for (const auto& tag : command.tags) out.emplace_back("t", tag);
  if (context.outside()) out.emplace_back("outside", "1");
  if (files) out.emplace_back("output", "tar");
  if (!command.target.empty()) out.emplace_back("target", command.target);
  if (!command.platform.empty()) out.emplace_back("platform", command.platform);
  if (!command.network.empty()) out.emplace_back("networkmode", command.network);
  add_limits(command, out);
  if (command.no_cache) out.emplace_back("nocache", "1");
  if (command.pull) out.emplace_back("pull", "1");
  return encode_query(out);
}

struct Outcome {
  std::string id, error;
  bool ended = false;
};

void take_line(const std::string& line, BuildProgress& progress, BuildOutput* files,
               Outcome& outcome) {
  const Json json = parse_json(line, "the daemon's answer");
  if (json.contains("event")) progress.take(json);
  if (json.contains("tar") && files != nullptr)
    files->take(base64_decode(json["tar"].get<std::string>()));
  if (json.contains("aux")) outcome = {json["aux"].value("ID", ""), "", true};
  if (json.contains("error")) outcome.error = json.value("error", "");
}

Outcome follow(net::ClientResponse& response, BuildProgress& progress, BuildOutput* files) {
  Outcome outcome;
  std::string held;
  std::vector<char> buffer(64 * 1024);
  while (const size_t n = response.read(buffer)) {
    held.append(buffer.data(), n);
    size_t begin = 0;
    for (size_t end; (end = held.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const auto line = trim(std::string_view(held).substr(begin, end - begin));
      if (!line.empty()) take_line(std::string(line), progress, files, outcome);
    }
    held.erase(0, begin);
  }
  return outcome;
}

Outcome send(const BuildCommand& command, ContextArchive& context, BuildProgress& progress,
             BuildOutput* files) {
  const auto instance = running(command.options);
  std::string head = private_line(command);
  net::ClientRequest request;
  request.method = "POST";
  request.url = "unix:" + instance.options.docker_socket() + ":/build?" +
                query_of(command, context, files != nullptr);
  request.headers.set("Content-Type", "application/x-tar");
  request.idle_timeout = std::chrono::hours(24);  // a step may be silent for long
  request.body_source = [&](std::span<char> into) -> size_t {
    if (head.empty()) return context.read(into);
    const size_t n = std::min(into.size(), head.size());
    std::memcpy(into.data(), head.data(), n);
    head.erase(0, n);
    return n;
  };
  const auto response = net::request(request);
  if (response->status() >= 300) {
    const std::string body = response->read_all(1 << 20);
    const Json json = Json::parse(body, nullptr, false);
    return {"", json.is_object() ? json.value("message", body) : body, true};
  }
  return follow(*response, progress, files);
}

}  // namespace

static std::unique_ptr<BuildOutput> output_of(const BuildCommand& command) {
  if (command.outputs.empty()) return nullptr;
  if (command.outputs.size() > 1) throw invalid_argument("--output: only one is implemented");
  auto place = parse_output(command.outputs[0]);
  if (!place) return nullptr;
  if (!command.id_file.empty())
    throw invalid_argument("--iidfile: --output {} makes no image", command.outputs[0]);
  if (!command.tags.empty())
    fmt::print(stderr, "[Warning] --output {} makes no image: {} names nothing\n",
               command.outputs[0], join(command.tags, ", "));
  return std::make_unique<BuildOutput>(std::move(*place));
}

static BuildProgress::Style style_of(const BuildCommand& command) {
  if (command.quiet || command.progress == "quiet") return BuildProgress::Style::quiet;
  const bool tty =
      command.progress == "tty" || (command.progress == "auto" && ::isatty(STDERR_FILENO) == 1);
  return tty ? BuildProgress::Style::tty : BuildProgress::Style::plain;
}

int build(const BuildCommand& command) {
  ::signal(SIGPIPE, SIG_IGN);  // a daemon that hangs up is an error like another
  if (!command.refused.empty()) throw invalid_argument("{}", join(command.refused, "; "));
  const auto files = output_of(command);
  ContextArchive context(command.path, command.dockerfile);
  BuildProgress progress(style_of(command), command.explain);
  Outcome outcome;
  try {
    outcome = send(command, context, progress, files.get());
  } catch (...) {
    progress.end();
    throw;
  }
  progress.end();
  if (outcome.error.empty() && !outcome.ended)
    outcome.error = "the daemon ended before the build did";
  if (!outcome.error.empty()) {
    progress.show_failure(context.shown_dockerfile(), context.dockerfile_text(), outcome.error);
    return 1;
  }
  if (files) {
    files->finish();
    return 0;
  }
  if (!command.id_file.empty()) write_file(command.id_file, outcome.id, 0644);
  fmt::print("{}\n", outcome.id);
  return 0;
}

}  // namespace slipway::cli
