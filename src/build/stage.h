// One build stage while it is being built: the image so far, and the step that each instruction
// makes of it. Used by one thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "build/builder.h"
#include "build/cache.h"
#include "build/context.h"
#include "build/files.h"
#include "build/parser/instructions.h"
#include "build/parser/words.h"

namespace slipway::build {

// What the stages of one build share.
struct Job {
  const Builder::Deps& deps;
  const Request& request;
  const Context& context;
  const Output& output;
  const Stop& stop;
  Cache cache;
  char escape = '\\';
  std::map<std::string, std::string> global_args;  // of ARGs before the first FROM
  std::set<std::string> used_args;
  int step = 0, steps = 0;
  std::string work_dir;  // upper directories and mounts of this build

  void say(const std::string& text) const { output(text); }
};

struct StageResult {
  image::Config config;
  std::vector<image::Descriptor> layers;
};

// A directory tree that COPY --from reads: a finished stage or an image, mounted read-only.
class MountedTree {
 public:
  MountedTree(Job& job, const StageResult& tree);
  ~MountedTree();
  const linux::Root& root() const { return *root_; }

 private:
  std::string target_;
  std::unique_ptr<linux::Root> root_;
};

using FindStage = std::function<const StageResult*(const std::string& name)>;

class StageBuilder {
 public:
  StageBuilder(Job& job, FindStage find_stage, int index)
      : job_(job), find_stage_(std::move(find_stage)), index_(index) {}
  void start(const Stage& stage);
  void run(const Instruction& instruction);
  StageResult result() const { return {config_, layers_}; }

 private:
  void step(const std::string& original);
  std::optional<std::string> variable(const std::string& name) const;
  std::string expand(const std::string& text) const;
  std::vector<std::string> env_with_args() const;

  void apply(const From&, const Instruction&) {}
  void apply(const Arg&, const Instruction&);
  void apply(const Env&, const Instruction&);
  void apply(const Label&, const Instruction&);
  void apply(const Copy&, const Instruction&);
  void apply(const Run&, const Instruction&);
  void apply(const Cmd&, const Instruction&);
  void apply(const Entrypoint&, const Instruction&);
  void apply(const Shell&, const Instruction&);
  void apply(const Workdir&, const Instruction&);
  void apply(const User&, const Instruction&);
  void apply(const Expose&, const Instruction&);
  void apply(const Volume&, const Instruction&);
  void apply(const StopSignal&, const Instruction&);
  void apply(const Healthcheck&, const Instruction&);
  void apply(const Onbuild&, const Instruction&);
  void apply(const Maintainer&, const Instruction&);

  // A step that only changes the configuration.
  void configured(const std::string& created_by);
  // A step that changes files: takes it from the cache, or lets make fill the upper directory.
  using Make = std::function<void(const std::string& upper, const std::vector<std::string>& lower)>;
  void layered(const std::string& key_text, const std::string& created_by, const Make& make);
  std::string key_of(const std::string& text) const;
  void remember_history(const std::string& created, const std::string& created_by, bool empty);
  std::string command_text(const Command& command) const;
  std::vector<std::string> command_words(const Command& command) const;
  std::string absolute(const std::string& path) const;
  void write_files(const Copy& copy, const std::string& upper,
                   const std::vector<std::string>& lower, const linux::Root& from,
                   const std::vector<std::vector<Selected>>& sources,
                   const std::string& destination);
  int run_container(const std::vector<std::string>& words, const std::string& upper,
                    const std::vector<std::string>& lower, const std::string& network);

  Job& job_;
  FindStage find_stage_;
  int index_;
  image::Config config_;
  std::vector<image::Descriptor> layers_;
  std::map<std::string, std::string> args_;  // declared by ARG in this stage
  std::string last_key_;                     // of the step before: config-only steps count too
  bool missed_ = false;                      // once a step missed, all after it do
  int line_ = 0;
};

// The lower directories of layers, top-most first.
std::vector<std::string> layer_dirs(Job& job, const StageResult& tree);

}  // namespace slipway::build
