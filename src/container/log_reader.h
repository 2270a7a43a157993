// Reads the log file that conmon writes for a container ("k8s-file": time, stream, F or P for a
// full or partial line, text). Knows nothing of containers.
#pragma once
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "container/engine.h"

namespace slipway::container {

// Held while the names of a log's files change or are looked through: by the rotator and by
// readers. (conmon alone changes what is at path without it.)
std::mutex& log_names();

// One line of the file, as it stands.
struct LogRecord {
  TimePoint time;
  int stream = 1;
  bool partial = false;
  std::string_view text;
};
// nullopt when malformed. The line comes without its newline.
std::optional<LogRecord> parse_log_record(std::string_view line);

// Puts partial records together, per stream. Lines longer than 1 MiB come in pieces.
class LogAssembler {
 public:
  using Sink = std::function<bool(const LogLine&)>;
  explicit LogAssembler(Sink sink) : sink_(std::move(sink)) {}
  bool add(const LogRecord& record);  // what sink said
  bool finish();                      // passes on what had no newline

 private:
  Sink sink_;
  std::array<std::optional<LogLine>, 2> open_;
};

// Reads a log from its oldest file (path.N, ..., path.1, path.keep, path) to its present end, also
// while it is rotated; what is incomplete is kept for the next call.
class LogFile {
 public:
  explicit LogFile(const std::string& path);  // an absent file is empty
  // Starts at the last n lines of the streams wanted (a line = a full record).
  void seek_tail(int64_t lines, bool out, bool err);
  // False when the sink said so.
  bool read(const std::function<bool(const LogRecord&)>& sink);

 private:
  bool drain(const std::function<bool(const LogRecord&)>& sink);
  Fd successor() const;
  std::string path_;
  Fd fd_;
  uint64_t offset_ = 0;
  TimePoint last_{};  // of the last record read
  std::string pending_;
};

}  // namespace slipway::container
