#include "base/files.h"

#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/ids.h"

namespace slipway {

namespace {
std::string read_open(const Fd& fd) {
  std::string out;
  char buffer[65536];
  while (const size_t n = read_some(fd.get(), buffer)) out.append(buffer, n);
  return out;
}
}  // namespace

std::string read_file(const std::string& path) {
  return read_open(open_file(path, O_RDONLY));
}

std::optional<std::string> read_file_if_exists(const std::string& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  check(fd.get(), "open {}", path);
  return read_open(fd);
}

void write_file(const std::string& path, std::string_view text, unsigned mode, bool durable) {
  const std::string temporary = path + ".tmp-" + random_hex(8);
  {
    const Fd fd = open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
    write_all(fd.get(), text);
    if (durable) check(::fsync(fd.get()), "fsync {}", temporary);
  }
  check(::rename(temporary.c_str(), path.c_str()), "rename {} to {}", temporary, path);
  if (durable) sync_directory(std::filesystem::path(path).parent_path());
}

void make_directories(const std::string& path, unsigned mode) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) throw SystemError(error.value(), fmt::format("make directory {}", path));
  if (made) check(::chmod(path.c_str(), mode), "chmod {}", path);
}

void remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) throw SystemError(error.value(), fmt::format("remove {}", path));
}

bool exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

void sync_directory(const std::string& path) {
  const Fd fd = open_file(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY);
  check(::fsync(fd.get()), "fsync {}", path);
}

}  // namespace slipway
