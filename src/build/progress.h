// What a build tells while it runs: its steps, their output, how each ended. Events come from
// several threads, one at a time; ClassicText makes of them the text that `docker build` shows.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::build {

struct Event {
  enum class Kind {
    begin,       // of the build: steps, stages
    step,        // a step begins: number, line, text; triggers of ONBUILD have the FROM's number
    note,        // " ---> 0123456789ab\n": only the classic text has them
    output,      // bytes of a RUN
    done,        // the step's end: seconds, cached, text says why it was not
    failed,      // the step's end: text is the error
    stage_done,  // nothing more comes of the stage
    message,     // about the whole build
  };
  Kind kind = Kind::message;
  int stage = 0;  // in the file's order
  int id = 0;     // of the step, unique in the build
  int number = 0, steps = 0, line = 0;
  bool trigger = false, cached = false;
  double seconds = 0;
  std::string stage_name, text{};
  std::vector<int> stages{};
};
using Observer = std::function<void(const Event&)>;

// Takes the text that `docker build` shows, in order ("Step 1/3 : FROM scratch\n", RUN's output).
using Output = std::function<void(std::string_view text)>;

// Stages that run side by side are shown one after the other: the first that is not done as it
// goes, later ones once it is their turn.
class ClassicText {
 public:
  explicit ClassicText(Output output) : output_(std::move(output)) {}
  void operator()(const Event& event);
  // After a failure: what the failing stage has said and nobody has seen.
  void flush();

 private:
  struct Held {
    std::string text;
    bool done = false;
  };
  void say(int stage, const std::string& text);
  void advance();

  Output output_;
  int shown_ = -1;  // the stage that is shown as it goes
  int steps_ = 0;
  int failed_ = -1;
  std::map<int, Held> held_;
};

}  // namespace slipway::build
