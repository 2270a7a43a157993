// The graph of a Dockerfile's stages: which stage a name means, which ones a target needs, and what
// number each step has. Pure.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "build/parser/instructions.h"

namespace slipway::build {

// The words of a FROM: only ARGs from before the first one count.
std::string expand_global(const std::map<std::string, std::string>& args, const std::string& text,
                          int line, char escape);

class Plan {
 public:
  Plan(const BuildFile& file, const std::map<std::string, std::string>& global_args)
      : file_(file), global_args_(global_args), needed_(file.stages.size()) {}

  // A stage by name or number; only those before count.
  std::optional<size_t> find(const std::string& name, size_t before) const;
  std::vector<std::string> stage_names() const;  // of those that have one
  // By --target; the last one when empty. Throws Error(invalid_argument).
  size_t choose(const std::string& target) const;
  void need(size_t index);
  bool needed(size_t index) const { return needed_[index]; }
  int steps() const;                   // of all needed stages
  int first_step(size_t index) const;  // the number of the stage's FROM

 private:
  const BuildFile& file_;
  const std::map<std::string, std::string>& global_args_;
  std::vector<bool> needed_;
};

}  // namespace slipway::build
