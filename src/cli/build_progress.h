// How `slipway build` shows a build: line by line, or on a terminal as a list of steps that is
// drawn anew, running ones with their last output, done ones collapsed.
#pragma once
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/stop.h"

namespace slipway::cli {

struct ShownStep {
  int id = 0, number = 0, line = 0;
  std::string stage, text, why;
  bool done = false, failed = false, cached = false;
  double seconds = 0;
  std::chrono::steady_clock::time_point begin;
  std::string partial;           // an unfinished line of output
  std::deque<std::string> last;  // of its output, for a failure
};

class BuildProgress {
 public:
  // plain: lines on standard error; tty: the list; quiet: nothing but a failure.
  enum class Style { plain, tty, quiet };
  BuildProgress(Style style, bool explain);
  ~BuildProgress();
  void take(const nlohmann::json& event);
  // Draws for the last time. After a failure: the failing step's last output and where it is.
  void end();
  void show_failure(const std::string& file, const std::string& dockerfile,
                    const std::string& message) const;

 private:
  void begin_step(const nlohmann::json& event);
  void end_step(const nlohmann::json& event, bool failed);
  void add_output(ShownStep& step, const std::string& bytes);
  void line(const ShownStep& step, const std::string& text) const;
  void draw(bool last);
  std::vector<std::string> picture(size_t width, bool last) const;
  std::string row(const ShownStep& step, size_t width) const;

  bool tty_, quiet_, explain_;
  std::mutex mutex_;
  std::vector<int> order_;
  std::map<int, ShownStep> steps_;
  int total_ = 0;
  size_t drawn_ = 0;  // lines on the screen that are drawn anew
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  Stop stop_;
  std::jthread ticker_;
};

}  // namespace slipway::cli
