#include "build/plan.h"

#include "base/error.h"
#include "base/strings.h"
#include "build/parser/mounts.h"
#include "build/parser/suggest.h"
#include "build/parser/words.h"

namespace slipway::build {

namespace {

// Every stage or image that an instruction reads from.
std::vector<std::string> read_by(const Instruction& instruction) {
  std::vector<std::string> out;
  if (const auto* copy = std::get_if<Copy>(&instruction.meaning)) {
    if (!copy->from.empty()) out.push_back(copy->from);
  } else if (const auto* run = std::get_if<Run>(&instruction.meaning)) {
    for (const auto& mount : run->mounts) {
      auto from = mount_source_stage(mount, instruction.line);
      if (!from.empty()) out.push_back(std::move(from));
    }
  }
  return out;
}

}  // namespace

std::string expand_global(const std::map<std::string, std::string>& args, const std::string& text,
                          int line, char escape) {
  const auto lookup = [&](const std::string& name) -> std::optional<std::string> {
    const auto at = args.find(name);
    return at == args.end() ? std::nullopt : std::optional(at->second);
  };
  try {
    return expand_word(text, lookup, escape);
  } catch (const Error& e) {
    throw DockerfileError(line, e.what());
  }
}

std::optional<size_t> Plan::find(const std::string& name, size_t before) const {
  for (size_t i = before; i-- > 0;) {
    if (!file_.stages[i].from.name.empty() && iequals(file_.stages[i].from.name, name)) return i;
  }
  if (const auto number = parse_uint(name); number && *number < before) return *number;
  return std::nullopt;
}

std::vector<std::string> Plan::stage_names() const {
  std::vector<std::string> out;
  for (const auto& stage : file_.stages)
    if (!stage.from.name.empty()) out.push_back(stage.from.name);
  return out;
}

size_t Plan::choose(const std::string& target) const {
  if (target.empty()) return file_.stages.size() - 1;
  const auto found = find(target, file_.stages.size());
  if (!found) {
    const auto names = stage_names();
    throw invalid_argument("failed to reach build target {} in Dockerfile{}{}", target,
                           did_you_mean(target, names),
                           names.empty() ? ": none of its stages has a name"
                                         : ": its stages are " + join(names, ", "));
  }
  return *found;
}

void Plan::need(size_t index) {
  std::vector<size_t> todo = {index};
  while (!todo.empty()) {
    const size_t at = todo.back();
    todo.pop_back();
    if (needed_[at]) continue;
    needed_[at] = true;
    const Stage& stage = file_.stages[at];
    const auto name = expand_global(global_args_, stage.from.image, stage.line, file_.escape);
    if (const auto base = find(name, at)) todo.push_back(*base);
    for (const auto& instruction : stage.instructions) {
      for (const auto& from : read_by(instruction)) {
        if (const auto source = find(from, at)) todo.push_back(*source);
      }
    }
  }
}

int Plan::steps() const {
  return first_step(file_.stages.size()) - 1;
}

int Plan::first_step(size_t index) const {
  int number = 1;
  for (size_t i = 0; i < index; ++i) {
    if (needed_[i]) number += 1 + static_cast<int>(file_.stages[i].instructions.size());
  }
  return number;
}

}  // namespace slipway::build
