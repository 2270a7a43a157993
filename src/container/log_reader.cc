#include "container/log_reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"

namespace slipway::container {
namespace {

constexpr size_t kMaxLine = 1u << 20;
constexpr size_t kChunk = 64 * 1024;

}  // namespace

std::optional<LogRecord> parse_log_record(std::string_view line) {
  LogRecord record;
  const size_t time_end = line.find(' ');
  if (time_end == std::string_view::npos) return std::nullopt;
  try {
    record.time = parse_rfc3339(line.substr(0, time_end));
  } catch (const Error&) {
    return std::nullopt;
  }
  line.remove_prefix(time_end + 1);
  if (line.starts_with("stdout ")) {
    record.stream = 1;
  } else if (line.starts_with("stderr ")) {
    record.stream = 2;
  } else {
    return std::nullopt;
  }
  line.remove_prefix(7);
  if (line.empty() || (line[0] != 'F' && line[0] != 'P')) return std::nullopt;
  record.partial = line[0] == 'P';
  line.remove_prefix(1);
  if (!line.empty()) {
    if (line[0] != ' ') return std::nullopt;
    line.remove_prefix(1);
  }
  record.text = line;
  return record;
}

bool LogAssembler::add(const LogRecord& record) {
  auto& open = open_[record.stream == 2 ? 1 : 0];
  if (!open) open = LogLine{record.time, record.stream, {}};
  open->text += record.text;
  if (record.partial && open->text.size() < kMaxLine) return true;
  if (!record.partial) open->text += '\n';
  const LogLine line = std::move(*open);
  open.reset();
  return sink_(line);
}

bool LogAssembler::finish() {
  for (auto& open : open_) {
    if (!open) continue;
    const LogLine line = std::move(*open);
    open.reset();
    if (!sink_(line)) return false;
  }
  return true;
}

LogFile::LogFile(const std::string& path) : path_(path) {}

void LogFile::seek_tail(int64_t lines, bool out, bool err) {
  if (!fd_) fd_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_) return;
  struct stat info {};
  check(::fstat(fd_.get(), &info), "stat {}", path_);
  uint64_t position = static_cast<uint64_t>(info.st_size);
  // Complete lines only: conmon may be in the middle of writing the last one.
  std::string carry;  // the beginning of a line whose rest was in the chunk after
  int64_t found = 0;
  bool last = true;
  offset_ = position;
  while (position > 0) {
    const size_t size = std::min<uint64_t>(kChunk, position);
    position -= size;
    std::string chunk(size, '\0');
    size_t got = 0;
    while (got < size) {
      const ssize_t n = check(
          ::pread(fd_.get(), chunk.data() + got, size - got, static_cast<off_t>(position + got)),
          "read {}", path_);
      if (n == 0) return;  // shrunk under us
      got += static_cast<size_t>(n);
    }
    chunk += carry;
    size_t end = chunk.size();
    for (size_t newline; end > 0 && (newline = chunk.rfind('\n', end - 1)) != std::string::npos;
         end = newline) {
      const std::string_view line = std::string_view(chunk).substr(newline + 1, end - newline - 1);
      if (std::exchange(last, false)) continue;  // empty, or not written to its end yet
      const auto record = parse_log_record(line);
      if (record && !record->partial && (record->stream == 1 ? out : err) && ++found > lines) {
        offset_ = position + end + 1;
        return;
      }
    }
    carry = chunk.substr(0, end);
    if (carry.size() > 2 * kMaxLine) break;
  }
  // The first line of the file is still in carry.
  const auto record = parse_log_record(carry);
  const bool counted = record && !record->partial && (record->stream == 1 ? out : err);
  offset_ = counted && found + 1 > lines ? carry.size() + 1 : 0;
}

bool LogFile::read(const std::function<bool(const LogRecord&)>& sink) {
  if (!fd_) fd_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_) return true;
  std::array<char, kChunk> buffer;
  for (;;) {
    const ssize_t got =
        check(::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_)),
              "read {}", path_);
    if (got == 0) return true;
    offset_ += static_cast<uint64_t>(got);
    std::string_view bytes(buffer.data(), static_cast<size_t>(got));
    for (size_t newline; (newline = bytes.find('\n')) != std::string_view::npos;) {
      pending_ += bytes.substr(0, newline);
      bytes.remove_prefix(newline + 1);
      const auto record = parse_log_record(pending_);
      const bool go_on = !record || sink(*record);
      pending_.clear();
      if (!go_on) return false;
    }
    if (pending_.size() < 2 * kMaxLine) pending_ += bytes;
  }
}

}  // namespace slipway::container
