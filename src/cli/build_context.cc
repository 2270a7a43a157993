#include "cli/build_context.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "codec/compress.h"

namespace slipway::cli {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMostDockerfile = 1u << 20;

// The path below root; nullopt when it is not below it.
std::optional<std::string> inside(const fs::path& root, const fs::path& file) {
  const fs::path relative = fs::weakly_canonical(file).lexically_relative(root);
  if (relative.empty() || *relative.begin() == "..") return std::nullopt;
  return relative.string();
}

std::optional<TarEntry> entry_of(const std::string& path, const std::string& name) {
  struct stat info {};
  check(::lstat(path.c_str(), &info), "stat {}", path);
  TarEntry entry;
  entry.name = name;
  entry.mode = info.st_mode & 07777;
  entry.mtime = info.st_mtim.tv_sec;
  entry.mtime_ns = static_cast<uint32_t>(info.st_mtim.tv_nsec);
  if (S_ISDIR(info.st_mode)) {
    entry.type = TarType::directory;
    entry.name += '/';
  } else if (S_ISLNK(info.st_mode)) {
    entry.type = TarType::symlink;
    entry.link_target = fs::read_symlink(path);
  } else if (S_ISREG(info.st_mode)) {
    entry.size = static_cast<uint64_t>(info.st_size);
  } else if (S_ISFIFO(info.st_mode)) {
    entry.type = TarType::fifo;
  } else {
    return std::nullopt;  // sockets and devices have no place in a context
  }
  return entry;
}

}  // namespace

ContextArchive::ContextArchive(const std::string& path, const std::string& file)
    : shown_context_(path) {
  if (path == "-") {
    take_standard_input(file);
    return;
  }
  if (path.find("://") != std::string::npos || path.starts_with("git@"))
    throw invalid_argument(
        "the build context {} is not on this machine: clone or fetch it, then build its directory "
        "(or send an archive to: slipway build -)",
        path);
  if (!fs::is_directory(path))
    throw invalid_argument("the build context {} is not a directory", path);
  root_ = fs::canonical(path);
  find_dockerfile(file);
  start_writer();
}

void ContextArchive::find_dockerfile(const std::string& file) {
  const std::string wanted = file.empty() ? root_ + "/Dockerfile" : file;
  shown_ = file.empty() || file == "-" ? "Dockerfile" : file;
  std::optional<std::string> own;
  if (file == "-") {
    text_ = read_to_string(source_of_fd(STDIN_FILENO), kMostDockerfile);
    outside_ = true;
  } else {
    if (!fs::exists(wanted)) throw not_found("there is no Dockerfile {}", wanted);
    text_ = read_file(wanted);
    own = read_file_if_exists(wanted + ".dockerignore");
  }
  const auto name = outside_ ? std::nullopt : inside(root_, wanted);
  outside_ = !name.has_value();
  dockerfile_ = name.value_or(".dockerfile." + random_hex(10));
  if (outside_) outside_ignore_ = own;
  if (const auto ignore = own ? own : read_file_if_exists(root_ + "/.dockerignore"))
    ignore_ = build::Ignore::parse(*ignore);
}

// An archive goes on as it is; anything else is the Dockerfile of a build without a context.
void ContextArchive::take_standard_input(const std::string& file) {
  if (file == "-")
    throw invalid_argument("standard input cannot be both the context and the Dockerfile");
  if (::isatty(STDIN_FILENO) == 1)
    throw invalid_argument("the context - is standard input, which is a terminal: redirect it");
  shown_context_ = "standard input";
  std::string start(1024, '\0');
  size_t have = 0;
  while (have < start.size()) {
    const size_t n = read_some(STDIN_FILENO, std::span(start).subspan(have));
    if (n == 0) break;
    have += n;
  }
  start.resize(have);
  const bool archive = detect_compression(start) != Compression::none ||
                       (have > 262 && start.compare(257, 5, "ustar") == 0);
  shown_ = dockerfile_ = file.empty() ? "Dockerfile" : file;
  if (archive) {
    standard_input_ = true;
    head_ = std::move(start);
    return;
  }
  if (!file.empty())
    throw invalid_argument("-f {}: standard input is no archive that could hold it", file);
  text_ = start + read_to_string(source_of_fd(STDIN_FILENO), kMostDockerfile);
  TarWriter tar([this](std::string_view bytes) { head_ += bytes; });
  add_text(tar, dockerfile_, text_);
  tar.finish();
}

void ContextArchive::start_writer() {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "make a pipe");
  read_end_ = Fd(ends[0]);
  ::fcntl(ends[0], F_SETPIPE_SZ, 1 << 20);
  writer_ = std::jthread([this, out = std::make_shared<Fd>(ends[1])] {
    try {
      write_all_entries(out->get());
    } catch (...) {
      failure_ = std::current_exception();  // seen by read after the pipe's end
    }
    out->reset();
  });
}

ContextArchive::~ContextArchive() {
  read_end_.reset();  // a writer that still runs gets EPIPE
}

size_t ContextArchive::read(std::span<char> into) {
  if (!head_.empty()) {
    const size_t n = std::min(into.size(), head_.size());
    std::memcpy(into.data(), head_.data(), n);
    head_.erase(0, n);
    return n;
  }
  if (standard_input_) return read_some(STDIN_FILENO, into);
  if (!read_end_) return 0;
  const size_t n = read_some(read_end_.get(), into);
  if (n > 0) return n;
  if (writer_.joinable()) writer_.join();
  if (failure_) std::rethrow_exception(failure_);
  return 0;
}

void ContextArchive::write_all_entries(int out) {
  TarWriter tar([out](std::string_view bytes) { write_all(out, bytes); });
  if (outside_) {
    add_text(tar, dockerfile_, text_);
    if (outside_ignore_) add_text(tar, dockerfile_ + ".dockerignore", *outside_ignore_);
  }
  add_tree(tar, "");
  tar.finish();
}

void ContextArchive::add_text(TarWriter& tar, const std::string& name, const std::string& text) {
  TarEntry entry;
  entry.name = name;
  entry.size = text.size();
  tar.add(entry);
  tar.write(text);
}

void ContextArchive::add_file(TarWriter& tar, const std::string& path, const std::string& name) {
  auto entry = entry_of(path, name);
  if (!entry) return;
  if (entry->type != TarType::file) return tar.add(*entry);
  const Fd file = open_file(path, O_RDONLY | O_NOFOLLOW);
  tar.add(*entry);
  std::vector<char> buffer(128 * 1024);
  for (uint64_t left = entry->size; left > 0;) {
    const size_t n =
        read_some(file.get(), std::span(buffer).first(std::min<uint64_t>(left, buffer.size())));
    if (n == 0) throw conflict("{} became shorter while it was read", path);
    tar.write({buffer.data(), n});
    left -= n;
  }
}

// The Dockerfile and .dockerignore are always sent: the daemon needs them, and leaves them out.
void ContextArchive::add_tree(TarWriter& tar, const std::string& dir) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(root_ + "/" + dir))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  for (const auto& base : names) {
    const std::string name = dir.empty() ? base : dir + "/" + base;
    const std::string path = root_ + "/" + name;
    const bool needed = name == dockerfile_ || name == ".dockerignore" ||
                        name == dockerfile_ + ".dockerignore" ||
                        dockerfile_.starts_with(name + "/");
    const bool out = !needed && ignore_.excludes(name);
    const bool directory = fs::is_directory(fs::symlink_status(path));
    if (out && (!directory || !ignore_.has_exceptions())) continue;
    if (!out) add_file(tar, path, name);
    if (directory) add_tree(tar, name);
  }
}

}  // namespace slipway::cli
