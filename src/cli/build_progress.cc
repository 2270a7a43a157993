#include "cli/build_progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/strings.h"
#include "codec/json.h"

namespace slipway::cli {

namespace {

constexpr size_t kLastLines = 30, kShownLines = 5;

double since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Output of a command must not move our cursor: control characters and escape sequences go.
std::string harmless(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == 0x1b && i + 1 < text.size() && text[i + 1] == '[') {
      i += 2;
      while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
    } else if (c == '\t') {
      out += ' ';
    } else if (c >= 0x20 && c != 0x7f) {
      out += text[i];
    }
  }
  return out;
}

// Cut to a number of characters (not bytes), never inside of one.
std::string clipped(const std::string& text, size_t width) {
  size_t shown = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) continue;
    if (shown++ == width) return text.substr(0, i);
  }
  return text;
}

// Of "FILE:LINE: what went wrong"; 0: it does not say.
int line_in(const std::string& message, const std::string& file) {
  if (!message.starts_with(file + ":")) return 0;
  const auto rest = std::string_view(message).substr(file.size() + 1);
  const auto line = parse_int(rest.substr(0, rest.find(':')));
  return line && *line > 0 && *line < 1'000'000 ? static_cast<int>(*line) : 0;
}

std::string one_line(const std::string& text) {
  return harmless(replace_all(text, "\n", " "));
}

winsize terminal_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) size = {24, 80, 0, 0};
  return size;
}

}  // namespace

BuildProgress::BuildProgress(Style style, bool explain)
    : tty_(style == Style::tty), quiet_(style == Style::quiet), explain_(explain) {
  if (!tty_) return;
  ticker_ = std::jthread([this] {
    while (!stop_.wait_for(milliseconds(150))) {
      const std::lock_guard lock(mutex_);
      draw(false);
    }
  });
}

BuildProgress::~BuildProgress() {
  stop_.request();
}

void BuildProgress::line(const ShownStep& step, const std::string& text) const {
  if (!quiet_) fmt::print(stderr, "#{} {}\n", step.id, text);
}

void BuildProgress::begin_step(const Json& event) {
  ShownStep step;
  step.id = event.at("id");
  step.number = event.value("number", 0);
  step.line = event.value("line", 0);
  step.stage = event.value("stage", "");
  step.text = event.value("text", "");
  step.begin = std::chrono::steady_clock::now();
  order_.push_back(step.id);
  if (!tty_)
    line(step, fmt::format("[{} {}/{}] {}", step.stage, step.number, total_, one_line(step.text)));
  steps_[step.id] = std::move(step);
}

void BuildProgress::end_step(const Json& event, bool failed) {
  auto& step = steps_[event.at("id").get<int>()];
  step.done = true;
  step.failed = failed;
  step.cached = event.value("cached", false);
  step.seconds = event.value("seconds", 0.0);
  if (!failed) step.why = event.value("text", "");
  if (tty_) return;
  if (!step.partial.empty()) line(step, std::exchange(step.partial, {}));
  if (explain_ && !step.why.empty()) line(step, "not cached: " + step.why);
  if (failed) {
    line(step, fmt::format("FAILED {:.1f}s", step.seconds));
  } else if (step.cached && !step.text.starts_with("FROM")) {
    line(step, "CACHED");
  } else {
    line(step, fmt::format("DONE {:.1f}s", step.seconds));
  }
}

void BuildProgress::add_output(ShownStep& step, const std::string& bytes) {
  step.partial += bytes;
  size_t end = 0;
  while ((end = step.partial.find('\n')) != std::string::npos) {
    std::string text = step.partial.substr(0, end);
    step.partial.erase(0, end + 1);
    if (!text.empty() && text.back() == '\r') text.pop_back();
    text = text.substr(text.rfind('\r') + 1);
    if (!tty_) line(step, fmt::format("{:.2f} {}", since(step.begin), text));
    step.last.push_back(harmless(text));
    if (step.last.size() > kLastLines) step.last.pop_front();
  }
}

void BuildProgress::take(const Json& event) {
  const std::lock_guard lock(mutex_);
  const std::string kind = event.value("event", "");
  if (kind == "begin") total_ = event.value("steps", 0);
  if (kind == "step") begin_step(event);
  if (kind == "output") add_output(steps_[event.at("id").get<int>()], event.value("text", ""));
  if (kind == "done") end_step(event, false);
  if (kind == "failed") end_step(event, true);
  if (kind == "message" && !quiet_ && event.value("text", "").starts_with("[Warning]")) {
    if (tty_) draw(false);
    drawn_ = 0;
    fmt::print(stderr, "{}", event.value("text", ""));
  }
}

std::string BuildProgress::row(const ShownStep& step, size_t width) const {
  const double seconds = step.done ? step.seconds : since(step.begin);
  const std::string time = fmt::format("{:.1f}s", seconds);
  const char* mark = step.failed ? "ERROR " : step.cached && step.number > 0 ? "CACHED " : "";
  std::string text = fmt::format(" => {}[{} {}/{}] {}", step.text.starts_with("FROM") ? "" : mark,
                                 step.stage, step.number, total_, one_line(step.text));
  const size_t room = width > time.size() + 2 ? width - time.size() - 2 : 1;
  text = clipped(text, room);
  size_t shown = 0;
  for (const char c : text) shown += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  text += std::string(room - std::min(room, shown) + 1, ' ') + time;
  if (step.failed) return "\x1b[31m" + text + "\x1b[0m";
  return step.done ? "\x1b[34m" + text + "\x1b[0m" : text;
}

std::vector<std::string> BuildProgress::picture(size_t width, bool last) const {
  size_t done = 0;
  for (const auto& [id, step] : steps_) done += step.done && !step.failed ? 1 : 0;
  std::vector<std::string> out = {fmt::format("[+] Building {:.1f}s ({}/{}){}", since(begin_), done,
                                              std::max<size_t>(done, static_cast<size_t>(total_)),
                                              last ? " done" : "")};
  for (const int id : order_) {
    const auto& step = steps_.at(id);
    out.push_back(row(step, width));
    if (explain_ && !step.why.empty())
      out.push_back(clipped("    not cached: " + one_line(step.why), last ? 1000 : width));
    if (step.done) continue;
    const size_t skip = step.last.size() > kShownLines ? step.last.size() - kShownLines : 0;
    for (size_t i = skip; i < step.last.size(); ++i)
      out.push_back("\x1b[2m" + clipped(" => => # " + step.last[i], width) + "\x1b[0m");
  }
  return out;
}

void BuildProgress::draw(bool last) {
  const auto size = terminal_size();
  auto lines = picture(size.ws_col, last);
  const size_t most = size.ws_row > 3 ? size.ws_row - 2u : 1;
  if (!last && lines.size() > most)  // the newest, below the header
    lines.erase(lines.begin() + 1, lines.end() - static_cast<long>(most - 1));
  std::string out;
  if (drawn_ > 0) out += fmt::format("\x1b[{}A", drawn_);
  out += "\r\x1b[J";
  for (const auto& text : lines) out += text + "\n";
  drawn_ = last ? 0 : lines.size();
  fmt::print(stderr, "{}", out);
  std::fflush(stderr);
}

void BuildProgress::end() {
  stop_.request();
  if (ticker_.joinable()) ticker_.join();
  const std::lock_guard lock(mutex_);
  if (tty_) draw(true);
}

void BuildProgress::show_failure(const std::string& file, const std::string& dockerfile,
                                 const std::string& message) const {
  const ShownStep* failed = nullptr;
  for (const auto& [id, step] : steps_)
    if (step.failed) failed = &step;
  if (failed != nullptr && (!failed->last.empty() || !failed->partial.empty())) {
    fmt::print(stderr, "------\n > [{} {}/{}] {}:\n", failed->stage, failed->number, total_,
               one_line(failed->text));
    for (const auto& text : failed->last) fmt::print(stderr, "{}\n", text);
    if (!failed->partial.empty()) fmt::print(stderr, "{}\n", harmless(failed->partial));
    fmt::print(stderr, "------\n");
  }
  const int at = failed != nullptr && failed->line > 0 ? failed->line : line_in(message, file);
  if (at > 0 && !dockerfile.empty()) {
    const auto lines = split(dockerfile, '\n');
    fmt::print(stderr, "{}:{}\n--------------------\n", file, at);
    for (int i = std::max(1, at - 2); i <= at + 2 && i <= static_cast<int>(lines.size()); ++i)
      fmt::print(stderr, "{:4} | {} {}\n", i, i == at ? ">>>" : "   ",
                 harmless(lines[static_cast<size_t>(i - 1)]));
    fmt::print(stderr, "--------------------\n");
  }
  fmt::print(stderr, "ERROR: {}\n", message);
}

}  // namespace slipway::cli
