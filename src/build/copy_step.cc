// COPY, ADD and WORKDIR: files of the context, of another stage, of an image or of the net that
// become a layer.
#include <fcntl.h>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "build/mounted_tree.h"
#include "build/sources.h"
#include "build/stage.h"
#include "build/step_keys.h"
#include "container/accounts.h"

namespace slipway::build {

namespace {

const Heredoc* heredoc_of(const Copy& copy, const std::string& source) {
  if (!source.starts_with("<<")) return nullptr;
  for (const auto& doc : copy.heredocs) {
    if (source.find(doc.name) != std::string::npos) return &doc;
  }
  return nullptr;
}

bool numeric_owner(std::string_view text) {
  return text.find_first_not_of("0123456789:") == std::string_view::npos;
}

// A user without a group means the group of that name or number.
Owner owner_of(const std::string& root, const std::string& text) {
  if (text.find(':') != std::string::npos) {
    const auto identity = container::resolve_user_in(root, text);
    return {identity.uid, identity.gid};
  }
  if (numeric_owner(text)) {
    const auto identity = container::resolve_user_in(root, text + ":" + text);
    return {identity.uid, identity.gid};
  }
  try {
    const auto identity = container::resolve_user_in(root, text + ":" + text);
    return {identity.uid, identity.gid};
  } catch (const Error&) {  // no such group: the user's own
    const auto identity = container::resolve_user_in(root, text);
    return {identity.uid, identity.gid};
  }
}

std::string copy_options(const Copy& copy, const std::vector<std::string>& excludes) {
  if (!copy.link && !copy.parents && excludes.empty() && !copy.unpack) return "";
  return fmt::format("link {} parents {} unpack {} excludes {}", copy.link, copy.parents,
                     copy.unpack ? (*copy.unpack ? "yes" : "no") : "", join(excludes, "\n"));
}

}  // namespace

void StageBuilder::find_sources(const Copy& copy, CopySources& sources) {
  const auto lookup = [this](const std::string& name) { return variable(name); };
  if (const std::string from = expand(copy.from); !from.empty())
    sources.set_tree(tree_named(from), from);
  const std::string sum = expand(copy.checksum);
  for (const auto& raw : copy.sources) {
    if (const Heredoc* doc = heredoc_of(copy, raw)) {
      sources.add_heredoc(
          doc->name, doc->expand ? expand_text(doc->content, lookup, job_.escape) : doc->content);
      continue;
    }
    const std::string source = expand(raw);
    if (copy.add && is_git_url(source))
      throw unimplemented(
          "ADD of a git repository ({}) is not supported by this builder: clone it into the build "
          "context and COPY it",
          source);
    if (copy.add && is_url(source)) {
      sources.add_url(source, sum);
    } else if (!sum.empty()) {
      throw DockerfileError(line_, "checksum can't be specified for sources that are not HTTP(S)");
    } else {
      sources.add_pattern(source, copy.parents);
    }
  }
}

CopyOptions StageBuilder::copy_settings(const Copy& copy, const LowerTree& to,
                                        const std::vector<std::string>& below) {
  CopyOptions options;
  options.keep_owner = !copy.from.empty();  // everything of the context is root's
  const std::string chown = expand(copy.chown);
  if (!chown.empty() && copy.link && !numeric_owner(chown)) {
    options.owner = owner_of(LowerTree(job_, below).path(), chown);  // names are those of the image
  } else if (!chown.empty()) {
    options.owner = owner_of(to.path(), chown);
  }
  if (!copy.chmod.empty()) {
    try {
      options.mode = ModeChange::parse(expand(copy.chmod));
    } catch (const Error& e) {
      throw DockerfileError(line_, e.what());
    }
  }
  return options;
}

std::string StageBuilder::earlier_layer() {
  if (job_.epoch) return "";  // times of files are changed in place
  const std::string key = job_.explainer.last_key(name_, ordinal_, original_);
  if (key.empty()) return "";
  std::shared_ptr<void> pin;
  const auto step = job_.cache.find(key, pin);
  job_.keep(std::move(pin));
  const auto& below = config_.diff_ids;
  if (!step || !step->has_layer ||
      std::find(below.begin(), below.end(), step->diff_id) != below.end())
    return "";
  StageResult alone;
  alone.config.diff_ids = {step->diff_id};
  alone.layers = {step->layer};
  return layer_dirs(job_, alone).front();
}

void StageBuilder::write_sources(const Copy& copy, CopySources& sources,
                                 const std::string& destination, const std::string& upper,
                                 const std::vector<std::string>& lower) {
  const bool names = copy.link && !numeric_owner(expand(copy.chown));
  const auto below = names ? layer_dirs(job_, {config_, layers_}) : std::vector<std::string>{};
  const auto under = lower.empty() ? layer_dirs(job_, StageResult{}) : lower;
  {
    const LowerTree tree(job_, under);
    if (sources.write_plain(tree.root(), destination, copy_settings(copy, tree, below), copy.add,
                            upper, [this] { return earlier_layer(); }))
      return;
  }
  const WritableTree tree(job_, under, upper);
  sources.write(tree.root(), destination, copy_settings(copy, tree, below),
                copy.add && copy.unpack.value_or(true), copy.add && copy.unpack.value_or(false));
}

void StageBuilder::apply(const Copy& copy, const Instruction& instruction) {
  const std::string keyword = copy.add ? "ADD" : "COPY";
  const std::string destination = absolute(expand(copy.destination));
  if (copy.sources.size() > 1 && !destination.ends_with('/')) {
    throw DockerfileError(line_, fmt::format("When using {} with more than one source file, the "
                                             "destination must be a directory and end with a /",
                                             keyword));
  }
  CopySources sources(job_);
  std::vector<std::string> excludes;
  for (const auto& pattern : copy.excludes) excludes.push_back(expand(pattern));
  sources.set_excludes(excludes);
  find_sources(copy, sources);
  CopyInputs inputs{copy.add,           {},
                    destination,        expand(copy.chown),
                    expand(copy.chmod), copy_options(copy, excludes)};
  LayerStep step;
  step.created_by = instruction.original;
  step.alone = copy.link;
  step.parts = {{"destination", destination}, {"owner", inputs.chown}, {"mode", inputs.chmod}};
  if (const auto definition = sources.definition()) {
    CopyInputs fast = inputs;
    fast.sums = {*definition};
    step.definition = "definition " + copy_inputs(fast);
  }
  step.inputs = [&](Parts& parts) {
    inputs.sums = sources.sums(parts);
    return copy_inputs(inputs);
  };
  step.make = [&](const std::string& upper, const std::vector<std::string>& lower) {
    write_sources(copy, sources, destination, upper, lower);
  };
  layered(std::move(step));
}

void StageBuilder::apply(const Workdir& workdir, const Instruction& instruction) {
  const std::string path = absolute(expand(workdir.path));
  config_.working_dir =
      path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  LayerStep step;
  step.definition = "WORKDIR " + config_.working_dir;
  step.created_by = instruction.original;
  step.parts = {{"directory", config_.working_dir}};
  step.make = [&](const std::string& upper, const std::vector<std::string>& lower) {
    const WritableTree tree(job_, lower, upper);
    if (!tree.root().stat(config_.working_dir)) tree.root().make_directories(config_.working_dir);
  };
  layered(std::move(step));
}

}  // namespace slipway::build
