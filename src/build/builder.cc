#include "build/builder.h"

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "build/stage.h"
#include "linux/mounts.h"

namespace slipway::build {

namespace {

// A stage by name or number, and all the stages that it needs.
class Plan {
 public:
  Plan(const BuildFile& file, const std::map<std::string, std::string>& global_args)
      : file_(file), global_args_(global_args), needed_(file.stages.size()) {}

  std::optional<size_t> find(const std::string& name, size_t before) const {
    for (size_t i = before; i-- > 0;) {
      if (!file_.stages[i].from.name.empty() && iequals(file_.stages[i].from.name, name)) return i;
    }
    if (const auto number = parse_uint(name); number && *number < before) return *number;
    return std::nullopt;
  }

  size_t choose(const std::string& target) const {
    if (target.empty()) return file_.stages.size() - 1;
    const auto found = find(target, file_.stages.size());
    if (!found) throw invalid_argument("failed to reach build target {} in Dockerfile", target);
    return *found;
  }

  void need(size_t index) {
    if (needed_[index]) return;
    needed_[index] = true;
    const Stage& stage = file_.stages[index];
    const auto name = expand_global(global_args_, stage.from.image, stage.line, file_.escape);
    if (const auto base = find(name, index)) need(*base);
    for (const auto& instruction : stage.instructions) {
      const auto* copy = std::get_if<Copy>(&instruction.meaning);
      if (copy == nullptr || copy->from.empty()) continue;
      if (const auto source = find(copy->from, index)) need(*source);
    }
  }
  bool needed(size_t index) const { return needed_[index]; }

 private:
  const BuildFile& file_;
  const std::map<std::string, std::string>& global_args_;
  std::vector<bool> needed_;
};

BuildFile read_dockerfile(const Context& context, const std::string& name) {
  if (!context.root().stat(name)) {
    throw invalid_argument("Cannot locate specified Dockerfile: {}", name);
  }
  return interpret(parse_dockerfile(context.root().read_file(name)));
}

// ARGs before the first FROM, and those that every Dockerfile may name without declaring.
void set_global_args(Job& job, const BuildFile& file) {
  for (const char* side : {"BUILD", "TARGET"}) {
    const std::string prefix = side;
    job.global_args[prefix + "PLATFORM"] = "linux/amd64";
    job.global_args[prefix + "OS"] = "linux";
    job.global_args[prefix + "ARCH"] = "amd64";
    job.global_args[prefix + "VARIANT"] = "";
  }
  for (const auto& arg : file.global_args) {
    for (const auto& [name, value] : arg.args) {
      job.used_args.insert(name);
      const auto given = job.request.build_args.find(name);
      if (given != job.request.build_args.end()) {
        job.global_args[name] = given->second;
      } else if (value) {
        job.global_args[name] = expand_global(job.global_args, *value, 1, job.escape);
      }
    }
  }
}

void check_platform(const std::string& platform) {
  if (platform.empty() || platform == "linux/amd64" || platform == "linux") return;
  throw invalid_argument("platform {} cannot be built on this machine (linux/amd64)", platform);
}

StageResult build_stages(Job& job, const BuildFile& file, const Plan& plan, size_t target) {
  for (size_t i = 0; i <= target; ++i) {
    if (plan.needed(i)) job.steps += 1 + static_cast<int>(file.stages[i].instructions.size());
  }
  std::map<size_t, StageResult> done;
  for (size_t i = 0; i <= target; ++i) {
    if (!plan.needed(i)) continue;
    const FindStage find = [&, i](const std::string& name) -> const StageResult* {
      const auto index = plan.find(name, i);
      return index && done.contains(*index) ? &done.at(*index) : nullptr;
    };
    StageBuilder stage(job, find, static_cast<int>(i));
    stage.start(file.stages[i]);
    for (const auto& instruction : file.stages[i].instructions) stage.run(instruction);
    done[i] = stage.result();
  }
  return std::move(done.at(target));
}

void add_labels(image::Config& config, const std::map<std::string, std::string>& labels) {
  for (const auto& [name, value] : labels) {
    std::erase_if(config.labels, [&](const auto& pair) { return pair.first == name; });
    config.labels.emplace_back(name, value);
  }
}

void warn_unused_args(const Job& job) {
  std::vector<std::string> unused;
  for (const auto& [name, value] : job.request.build_args) {
    if (!job.used_args.contains(name) && !to_upper(name).ends_with("_PROXY"))
      unused.push_back(name);
  }
  if (!unused.empty())
    job.say(fmt::format("[Warning] One or more build-args [{}] were not consumed\n",
                        join(unused, " ")));
}

}  // namespace

Builder::Builder(Deps deps) : deps_(std::move(deps)) {}

Builder::~Builder() = default;

void Builder::recover() {
  for (const auto& container : deps_.engine.list()) {
    if (container.spec.owner != "build") continue;
    try {
      deps_.engine.remove(container.id, true, true);
    } catch (const Error& e) {
      if (e.kind() != Kind::not_found)
        log::warning("build", "container {} of a build that was cut off: {}", container.id,
                     e.what());
    }
  }
  for (const std::string part : {"/contexts", "/work"}) {
    linux::unmount_below(deps_.root + part);
    remove_tree(deps_.root + part);
  }
}

std::string Builder::build(const Request& request, const ByteSource& tar, const Output& output,
                           const Stop& stop) {
  std::vector<image::Reference> names;
  for (const auto& tag : request.tags) names.push_back(image::Reference::parse(tag));
  check_platform(request.platform);
  Context context(deps_.root + "/contexts", tar);
  const BuildFile file = read_dockerfile(context, request.dockerfile);
  context.load_ignore(request.dockerfile);

  const std::string work = deps_.root + "/work/" + random_hex(16);
  make_directories(work, 0700);
  const Finally clean([&] { remove_tree(work); });
  Job job{deps_, request, context, output, stop, Cache(deps_.store, deps_.content), file.escape, {},
          {},    0,       0,       work,   {}};
  set_global_args(job, file);
  Plan plan(file, job.global_args);
  const size_t target = plan.choose(request.target);
  plan.need(target);

  StageResult result = build_stages(job, file, plan, target);
  add_labels(result.config, request.labels);
  if (result.config.created.empty()) result.config.created = to_rfc3339(TimePoint{}, 0);
  const auto made = deps_.images.create(result.config, result.layers);
  for (const auto& name : names) deps_.images.tag(made.id, name);
  warn_unused_args(job);
  job.say(fmt::format("Successfully built {}\n", made.id.substr(made.id.find(':') + 1, 12)));
  for (const auto& name : names) job.say(fmt::format("Successfully tagged {}\n", name.familiar()));
  return made.id;
}

size_t Builder::prune_cache() {
  return Cache(deps_.store, deps_.content).clear();
}

}  // namespace slipway::build
