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

  std::vector<std::shared_ptr<void>> pins;  // layers that no image names yet

  void say(const std::string& text) const { output(text); }
  // The layers stay until the build has ended: nothing else may refer to them meanwhile.
  void keep(const std::vector<image::Digest>& diff_ids,
            const std::vector<image::Descriptor>& layers);
};

struct StageResult {
  image::Config config;
  std::vector<image::Descriptor> layers;
};

// The words of a FROM: only ARGs from before the first one count.
std::string expand_global(const std::map<std::string, std::string>& args, const std::string& text,
                          int line, char escape);

class WritableTree;
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
  // Errors of work say where in the Dockerfile it was.
  void located(const std::string& keyword, const std::function<void()>& work) const;
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
  void layered(const std::string& inputs, const std::string& created_by, const Make& make);
  CachedStep make_layer(const Make& make);
  void remember_history(const std::string& created, const std::string& created_by, bool empty);
  std::string command_text(const Command& command) const;
  std::vector<std::string> command_words(const Command& command) const;
  std::string absolute(const std::string& path) const;
  void expose(const std::string& word);
  // An image that a FROM or --from names, pulled when it is not here (or pull says so).
  image::Image image_named(const std::string& name, bool pull);
  std::vector<std::string> take_base(const std::string& name);  // returns its ONBUILD triggers
  struct CopySources;
  void open_sources(const Copy& copy, CopySources& sources);
  void find_sources(const Copy& copy, CopySources& sources);
  void write_sources(const Copy& copy, const CopySources& sources, const std::string& destination,
                     const WritableTree& to);
  Command with_heredocs(const Run& run) const;
  container::Spec run_spec(const std::vector<std::string>& words, const std::string& upper,
                           const std::vector<std::string>& lower, const std::string& network) const;
  int run_container(const std::vector<std::string>& words, const std::string& upper,
                    const std::vector<std::string>& lower, const std::string& network);

  Job& job_;
  FindStage find_stage_;
  int index_;
  image::Config config_;
  std::vector<image::Descriptor> layers_;
  std::map<std::string, std::string> args_;  // declared by ARG in this stage
  std::string last_key_;                     // of the step before: config-only steps count too
  bool cmd_set_ = false;                     // by this stage, not by its base
  int line_ = 0;
};

}  // namespace slipway::build
