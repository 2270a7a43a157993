// The build context as `slipway build` sends it: a tar stream of what .dockerignore leaves.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/fd.h"
#include "build/parser/ignore.h"
#include "codec/tar.h"

namespace slipway::cli {

class ContextArchive {
 public:
  // path: a directory, or "-": standard input, which is an archive or a Dockerfile alone. file: the
  // Dockerfile, "" for path/Dockerfile, "-" for standard input; it may lie outside of path. Throws
  // Error(invalid_argument, not_found) that says what is missing.
  ContextArchive(const std::string& path, const std::string& file);
  ~ContextArchive();
  // The Dockerfile's name inside the archive.
  const std::string& dockerfile() const { return dockerfile_; }
  bool outside() const { return outside_; }
  // The Dockerfile's name as the user knows it, and its text, for errors.
  const std::string& shown_dockerfile() const { return shown_; }
  const std::string& dockerfile_text() const { return text_; }
  // The context as the user knows it.
  const std::string& shown_context() const { return shown_context_; }
  // The next bytes; 0 at the end. Throws what went wrong while files were read.
  size_t read(std::span<char> into);

 private:
  void take_standard_input(const std::string& file);
  void find_dockerfile(const std::string& file);
  void start_writer();
  void write_all_entries(int out);
  void add_tree(TarWriter& tar, const std::string& dir);
  void add_file(TarWriter& tar, const std::string& path, const std::string& name);
  void add_text(TarWriter& tar, const std::string& name, const std::string& text);

  std::string root_, dockerfile_, shown_, text_, shown_context_;
  bool standard_input_ = false;  // the archive comes from there, head_ first
  std::string head_;
  std::optional<std::string> outside_ignore_;  // of a Dockerfile that lies outside
  bool outside_ = false;
  build::Ignore ignore_;
  Fd read_end_;
  std::exception_ptr failure_;
  std::jthread writer_;
};

}  // namespace slipway::cli
