#include "container/log_reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"

namespace slipway::container {
namespace {

constexpr size_t kMaxLine = 1u << 20;
constexpr size_t kChunk = 64 * 1024;

}  // namespace

std::mutex& log_names() {
  static std::mutex mutex;
  return mutex;
}

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

namespace {

// False when the file has shrunk.
bool read_at(int fd, const std::string& path, uint64_t offset, std::span<char> into) {
  for (size_t got = 0; got < into.size();) {
    const ssize_t n =
        check(::pread(fd, into.data() + got, into.size() - got, static_cast<off_t>(offset + got)),
              "read {}", path);
    if (n == 0) return false;
    got += static_cast<size_t>(n);
  }
  return true;
}

bool same_file(const Fd& a, const Fd& b) {
  struct stat one {
  }, other{};
  return ::fstat(a.get(), &one) == 0 && ::fstat(b.get(), &other) == 0 &&
         one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

// The file and what was set aside of it, the newest first. One whose change the rotator has not
// seen yet has its name path.keep only.
std::vector<Fd> open_logs(const std::string& path) {
  const std::lock_guard lock(log_names());
  std::vector<Fd> out;
  const auto take = [&](const std::string& name) {
    Fd fd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    const bool there = static_cast<bool>(fd);
    if (there && (out.empty() || !same_file(out.back(), fd))) out.push_back(std::move(fd));
    return there;
  };
  take(path);
  take(path + ".keep");
  int missing = 0;  // a crash amid renaming leaves a gap
  for (int i = 1; missing < 2; ++i) missing = take(fmt::format("{}.{}", path, i)) ? 0 : missing + 1;
  return out;
}

// When what is in a file was written, from its first line.
std::optional<TimePoint> first_time(const Fd& file) {
  std::array<char, 64> head{};
  const ssize_t got = ::pread(file.get(), head.data(), head.size(), 0);
  const std::string_view text(head.data(), got > 0 ? static_cast<size_t>(got) : 0);
  try {
    return parse_rfc3339(text.substr(0, text.find(' ')));
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Calls counts for each whole line of the file, the last one first, until it says true: the offset
// at which what follows that line begins.
std::optional<uint64_t> scan_back(int fd, const std::string& path,
                                  const std::function<bool(std::string_view)>& counts) {
  struct stat info {};
  check(::fstat(fd, &info), "stat {}", path);
  std::string carry;  // the beginning of a line whose rest was in the chunk after
  bool last = true;
  for (auto position = static_cast<uint64_t>(info.st_size);
       position > 0 && carry.size() <= 2 * kMaxLine;) {
    std::string chunk(std::min<uint64_t>(kChunk, position), '\0');
    position -= chunk.size();
    if (!read_at(fd, path, position, chunk)) return std::nullopt;
    chunk += carry;
    size_t end = chunk.size();
    for (size_t newline; end > 0 && (newline = chunk.rfind('\n', end - 1)) != std::string::npos;
         end = newline) {
      if (std::exchange(last, false)) continue;  // empty, or not written to its end yet
      if (counts(std::string_view(chunk).substr(newline + 1, end - newline - 1)))
        return position + end + 1;
    }
    carry = chunk.substr(0, end);
  }
  // The first line of the file is still in carry.
  if (!last && counts(carry)) return carry.size() + 1;
  return std::nullopt;
}

}  // namespace

void LogFile::seek_tail(int64_t lines, bool out, bool err) {
  int64_t found = 0;
  const auto counts = [&](std::string_view line) {
    const auto record = parse_log_record(line);
    return record && !record->partial && (record->stream == 1 ? out : err) && ++found > lines;
  };
  for (Fd& file : open_logs(path_)) {
    const auto offset = scan_back(file.get(), path_, counts);
    fd_ = std::move(file);
    offset_ = offset.value_or(0);
    if (offset) return;
  }
}

// The file that was begun when the present one was set aside; invalid while there is none.
Fd LogFile::successor() const {
  struct stat own {
  }, newest{};
  check(::fstat(fd_.get(), &own), "stat {}", path_);
  if (::stat(path_.c_str(), &newest) == 0 && newest.st_ino == own.st_ino &&
      newest.st_dev == own.st_dev)
    return {};
  auto all = open_logs(path_);
  for (size_t i = 0; i < all.size(); ++i) {
    if (same_file(all[i], fd_)) return i == 0 ? Fd() : std::move(all[i - 1]);
  }
  // It was removed while we read it: on with the oldest that is not read yet.
  for (size_t i = all.size(); i > 0; --i) {
    const auto begin = first_time(all[i - 1]);
    if (!begin || *begin >= last_) return std::move(all[i - 1]);
  }
  return {};
}

bool LogFile::drain(const std::function<bool(const LogRecord&)>& sink) {
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
      if (record) last_ = record->time;
      const bool go_on = !record || sink(*record);
      pending_.clear();
      if (!go_on) return false;
    }
    if (pending_.size() < 2 * kMaxLine) pending_ += bytes;
  }
}

bool LogFile::read(const std::function<bool(const LogRecord&)>& sink) {
  if (!fd_) {
    auto all = open_logs(path_);
    if (all.empty()) return true;
    fd_ = std::move(all.back());
  }
  for (;;) {
    if (!drain(sink)) return false;
    Fd next = successor();
    if (!next) return true;
    // The old one is complete now: what came between the look at its end and the rotation.
    if (!drain(sink)) return false;
    fd_ = std::move(next);
    offset_ = 0;
  }
}

}  // namespace slipway::container
