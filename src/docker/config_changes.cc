#include "docker/config_changes.h"

#include "base/error.h"
#include "base/strings.h"
#include "build/parser/instructions.h"
#include "build/parser/words.h"

namespace slipway::docker {
namespace {

struct NoChange {};

class Changer {
 public:
  explicit Changer(image::Config& config) : config_(config) {}

  void operator()(const build::Env& env) {
    for (const auto& [name, value] : env.pairs) {
      const std::string key = expand(name);
      std::erase_if(config_.env, [&](const auto& entry) { return entry.starts_with(key + "="); });
      config_.env.push_back(key + "=" + expand(value));
    }
  }
  void operator()(const build::Label& label) {
    for (const auto& [name, value] : label.pairs) {
      const std::string key = expand(name);
      std::erase_if(config_.labels, [&](const auto& pair) { return pair.first == key; });
      config_.labels.emplace_back(key, expand(value));
    }
  }
  void operator()(const build::Cmd& cmd) {
    config_.cmd = words(cmd.command);
    cmd_set_ = true;
  }
  void operator()(const build::Entrypoint& entrypoint) {
    config_.entrypoint = words(entrypoint.command);
    if (!cmd_set_) config_.cmd.clear();
  }
  void operator()(const build::User& user) { config_.user = expand(user.user); }
  void operator()(const build::Workdir& directory) {
    const std::string path = expand(directory.path);
    const bool whole = path.starts_with('/') || config_.working_dir.empty();
    config_.working_dir = whole ? path : config_.working_dir + "/" + path;
    if (!config_.working_dir.starts_with('/')) config_.working_dir = "/" + config_.working_dir;
  }
  void operator()(const build::Expose& exposed) {
    for (const auto& raw : exposed.ports)
      for (const auto& word : build::expand_words(raw, lookup())) expose(word);
  }
  void operator()(const build::Volume& volume) {
    for (const auto& raw : volume.paths) add_once(config_.volumes, expand(raw));
  }
  void operator()(const build::StopSignal& stop) { config_.stop_signal = expand(stop.signal); }
  void operator()(const build::Onbuild& onbuild) { config_.on_build.push_back(onbuild.trigger); }
  void operator()(const build::Shell& shell) { config_.shell = shell.words; }
  void operator()(const build::Healthcheck& check) {
    image::HealthCheck made;
    if (check.none) {
      made.test = {"NONE"};
    } else if (check.command.exec_form) {
      made.test = check.command.words;
      made.test.insert(made.test.begin(), "CMD");
    } else {
      made.test = {"CMD-SHELL", check.command.text};
    }
    made.interval_ns = check.interval_ns;
    made.timeout_ns = check.timeout_ns;
    made.start_period_ns = check.start_period_ns;
    made.start_interval_ns = check.start_interval_ns;
    made.retries = check.retries;
    config_.health_check = made;
  }
  template <typename Other>
  void operator()(const Other&) {
    throw NoChange();
  }

 private:
  build::Lookup lookup() const {
    return [this](const std::string& name) -> std::optional<std::string> {
      for (const auto& entry : config_.env)
        if (entry.starts_with(name + "=")) return entry.substr(name.size() + 1);
      return std::nullopt;
    };
  }
  std::string expand(const std::string& text) const { return build::expand_word(text, lookup()); }

  std::vector<std::string> words(const build::Command& command) const {
    if (command.exec_form) return command.words;
    if (command.text.empty()) return {};
    auto out = config_.shell.empty() ? std::vector<std::string>{"/bin/sh", "-c"} : config_.shell;
    out.push_back(command.text);
    return out;
  }
  void expose(const std::string& word) {
    const auto [number, protocol] = split_once(word, '/');
    const auto [first, last] = split_once(number, '-');
    const auto low = parse_uint(first);
    const auto high = last.empty() ? low : parse_uint(last);
    if (!low || !high || *high > 65535 || *low > *high)
      throw invalid_argument("invalid containerPort: {}", word);
    for (uint64_t port = *low; port <= *high; ++port)
      add_once(config_.exposed_ports,
               fmt::format("{}/{}", port, protocol.empty() ? "tcp" : to_lower(protocol)));
  }
  static void add_once(std::vector<std::string>& list, const std::string& value) {
    if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
  }

  image::Config& config_;
  bool cmd_set_ = false;
};

}  // namespace

void apply_changes(image::Config& config, const std::vector<std::string>& changes) {
  if (trim(join(changes, "")).empty()) return;
  const auto file = build::parse_dockerfile(join(changes, "\n"));
  Changer changer(config);
  for (const auto& raw : file.instructions) {
    try {
      std::visit(changer, build::interpret_instruction(raw, file.escape).meaning);
    } catch (const NoChange&) {
      throw invalid_argument("{} is not a valid change command", to_lower(raw.keyword));
    } catch (const Error& e) {
      const bool unknown =
          std::string_view(e.what()).find("nknown instruction") != std::string::npos;
      if (unknown)
        throw invalid_argument("{} is not a valid change command", to_lower(raw.keyword));
      throw;
    }
  }
}

}  // namespace slipway::docker
