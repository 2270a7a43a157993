// One build stage while it is being built: the image so far, and the step that each instruction
// makes of it. Used by one thread; other stages are built beside it.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "build/explain.h"
#include "build/files.h"
#include "build/job.h"
#include "build/parser/instructions.h"
#include "build/parser/words.h"
#include "build/plan.h"

namespace slipway::build {

class CopySources;
class LowerTree;
class RunMounts;
// A stage of the file by name or number, once it is built; nullopt: no such stage.
using FindStage = std::function<std::optional<StageResult>(const std::string& name)>;

class StageBuilder {
 public:
  // first_step: the number of the stage's FROM.
  StageBuilder(Job& job, FindStage find_stage, int index, int first_step)
      : job_(job), find_stage_(std::move(find_stage)), index_(index), number_(first_step) {}
  StageResult build(const Stage& stage);

 private:
  void start(const Stage& stage);
  // One instruction as a step: told, run, its errors located, its end told.
  void step(const std::string& original, int line, bool trigger, const std::function<void()>& work);
  void run(const Instruction& instruction, bool trigger = false);
  void located(const std::string& keyword, const std::function<void()>& work) const;
  void note(const std::string& text) const;

  std::optional<std::string> variable(const std::string& name) const;
  std::string expand(const std::string& text) const;
  std::vector<std::string> env_with_args() const;
  Parts variable_parts() const;

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

  // A step that only changes the configuration. inputs: what it depends on, if that is more than
  // what created_by says.
  void configured(const std::string& created_by, const std::string& inputs = {});
  // A step that changes files: taken from the cache by what is known without reading anything, else
  // by what is read, else made in an upper directory over the layers below.
  using Make = std::function<void(const std::string& upper, const std::vector<std::string>& lower)>;
  struct LayerStep {
    std::optional<std::string> definition;            // inputs, when they are known at once
    std::function<std::string(Parts& parts)> inputs;  // by content; always the same for the same
    std::string created_by;
    bool alone = false;  // --link: does not depend on the layers below
    Parts parts{};
    Make make;
  };
  void layered(LayerStep step);
  std::optional<CachedStep> find_cached(const std::string& key);
  CachedStep make_layer(const LayerStep& step);
  std::string key_of(const std::string& inputs, bool alone) const;
  void take(const CachedStep& step, const std::string& created_by);
  void remember_history(const CachedStep& step, const std::string& created_by, bool empty);

  std::string command_text(const Command& command) const;
  std::vector<std::string> command_words(const Command& command) const;
  std::string absolute(const std::string& path) const;
  void expose(const std::string& word);
  // An image that a FROM or --from names, pulled when it is not here (or pull says so).
  image::Image image_named(const std::string& name, bool pull);
  image::Image image_or_hint(const std::string& name, bool pull);
  StageResult tree_named(const std::string& name);              // a stage or an image
  std::vector<std::string> take_base(const std::string& name);  // returns its ONBUILD triggers

  void find_sources(const Copy& copy, CopySources& sources);
  CopyOptions copy_settings(const Copy& copy, const LowerTree& to,
                            const std::vector<std::string>& below);
  void write_sources(const Copy& copy, CopySources& sources, const std::string& destination,
                     const std::string& upper, const std::vector<std::string>& lower);
  // What this step made the last time, unpacked: most of its files may be the same. "": nothing.
  std::string earlier_layer();
  struct RunCommand {
    Command command;
    std::string script;  // of a heredoc with an interpreter line
    std::vector<std::string> words;
  };
  RunCommand run_command(const Run& run) const;
  container::Spec run_spec(const RunCommand& command, const std::string& upper,
                           const std::vector<std::string>& lower, const Run& run,
                           RunMounts& mounts) const;
  int run_container(const container::Spec& spec);

  Job& job_;
  FindStage find_stage_;
  int index_;
  int number_;        // of the step that is next
  std::string name_;  // of the stage, for people
  image::Config config_;
  std::vector<image::Descriptor> layers_;
  std::map<std::string, std::string> args_;  // declared by ARG in this stage
  std::string last_key_;                     // of the step before: config-only steps count too
  bool no_cache_ = false;                    // --no-cache-filter
  bool cmd_set_ = false;                     // by this stage, not by its base
  int line_ = 0;
  // Of the step that runs.
  int id_ = 0;
  size_t ordinal_ = 0;
  bool cached_ = false, out_of_memory_ = false;
  std::string original_, why_;
};

}  // namespace slipway::build
