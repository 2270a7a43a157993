// slipway build: sends a build context to the daemon and shows what becomes of it.
#include <csignal>
#include <filesystem>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "cli/build_context.h"
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

std::string query_of(const BuildCommand& command, const std::string& dockerfile, bool outside) {
  Pairs out = {{"slipway", "1"},
               {"dockerfile", dockerfile},
               {"compression", command.compression},
               {"buildargs", build_arguments(command).dump()},
               {"labels", named_values(command.labels, false).dump()},
               {"cachefrom", Json(command.cache_from).dump()},
               {"allow", Json(command.allow).dump()},
               {"extrahosts", Json(command.add_hosts).dump()},
               {"ulimits", ulimits_json(command.ulimits).dump()}};
  for (const auto& tag : command.tags) out.emplace_back("t", tag);
  if (outside) out.emplace_back("outside", "1");
  if (!command.target.empty()) out.emplace_back("target", command.target);
  if (!command.platform.empty()) out.emplace_back("platform", command.platform);
  if (!command.network.empty()) out.emplace_back("networkmode", command.network);
  if (!command.memory.empty()) out.emplace_back("memory", size_text("--memory", command.memory));
  if (!command.shm_size.empty())
    out.emplace_back("shmsize", size_text("--shm-size", command.shm_size));
  if (command.no_cache) out.emplace_back("nocache", "1");
  if (command.pull) out.emplace_back("pull", "1");
  return encode_query(out);
}

struct Outcome {
  std::string id, error;
};

void take_line(const std::string& line, BuildProgress* progress, Outcome& outcome) {
  const Json json = parse_json(line, "the daemon's answer");
  if (json.contains("event") && progress != nullptr) progress->take(json);
  if (json.contains("aux")) outcome.id = json["aux"].value("ID", "");
  if (json.contains("error")) outcome.error = json.value("error", "");
}

Outcome follow(net::ClientResponse& response, BuildProgress* progress) {
  Outcome outcome;
  std::string held;
  std::vector<char> buffer(64 * 1024);
  while (const size_t n = response.read(buffer)) {
    held.append(buffer.data(), n);
    size_t begin = 0;
    for (size_t end; (end = held.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const auto line = trim(std::string_view(held).substr(begin, end - begin));
      if (!line.empty()) take_line(std::string(line), progress, outcome);
    }
    held.erase(0, begin);
  }
  return outcome;
}

Outcome send(const BuildCommand& command, ContextArchive& context, BuildProgress* progress) {
  const auto instance = running(command.options);
  std::string head = private_line(command);
  net::ClientRequest request;
  request.method = "POST";
  request.url = "unix:" + instance.options.docker_socket() + ":/build?" +
                query_of(command, context.dockerfile(), context.outside());
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
    return {"", json.is_object() ? json.value("message", body) : body};
  }
  return follow(*response, progress);
}

}  // namespace

int build(const BuildCommand& command) {
  ::signal(SIGPIPE, SIG_IGN);  // a daemon that hangs up is an error like another
  ContextArchive context(command.path, command.dockerfile);
  const bool tty =
      command.progress == "tty" || (command.progress == "auto" && ::isatty(STDERR_FILENO) == 1);
  std::unique_ptr<BuildProgress> progress;
  if (!command.quiet) progress = std::make_unique<BuildProgress>(tty, command.explain);
  Outcome outcome;
  try {
    outcome = send(command, context, progress.get());
  } catch (...) {
    if (progress) progress->end();
    throw;
  }
  if (progress) progress->end();
  if (outcome.error.empty() && outcome.id.empty())
    outcome.error = "the daemon ended before the build did";
  if (!outcome.error.empty()) {
    outcome.error =
        replace_all(outcome.error, context.dockerfile() + ":", context.shown_dockerfile() + ":");
    if (progress) {
      progress->show_failure(context.shown_dockerfile(), context.dockerfile_text(), outcome.error);
    } else {
      fmt::print(stderr, "ERROR: {}\n", outcome.error);
    }
    return 1;
  }
  if (!command.id_file.empty()) write_file(command.id_file, outcome.id, 0644);
  fmt::print("{}\n", outcome.id);
  return 0;
}

}  // namespace slipway::cli
