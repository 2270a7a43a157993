#include "cli/build_output.h"

#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "build/context.h"
#include "linux/rooted.h"

namespace slipway::cli {

namespace {

[[noreturn]] void refuse_output(const std::string& text, const std::string& type) {
  if (type == "registry")
    throw invalid_argument("--output {}: push the image with docker push instead", text);
  if (type == "oci" || type == "docker")
    throw invalid_argument(
        "--output {}: an archive of the image is what docker save writes (OCI: skopeo copy)", text);
  throw invalid_argument("--output {}: the types are local, tar and image", text);
}

}  // namespace

std::optional<OutputPlace> parse_output(const std::string& text) {
  if (text == "-") return OutputPlace{OutputPlace::Type::tar, "-"};
  if (text.empty())
    throw invalid_argument("--output: want type=local,dest=DIR or type=tar,dest=FILE");
  if (text.find('=') == std::string::npos) return OutputPlace{OutputPlace::Type::local, text};
  std::string type, destination;
  bool push = false;
  for (const auto& field : split(text, ',')) {
    const auto [key, value] = split_once(field, '=');
    if (key == "type") {
      type = value;
    } else if (key == "dest" || key == "destination") {
      destination = value;
    } else if (key == "push") {
      push = value != "false";
    } else if (key != "name") {
      throw invalid_argument("--output {}: unexpected key '{}' (type, dest)", text, key);
    }
  }
  if (push) refuse_output(text, "registry");
  if ((type == "image" || type == "docker") && destination.empty()) return std::nullopt;
  if (type != "local" && type != "tar") refuse_output(text, type);
  if (destination.empty())
    throw invalid_argument("--output {}: needs dest={}", text, type == "tar" ? "FILE" : "DIR");
  if (type == "tar") return OutputPlace{OutputPlace::Type::tar, destination};
  if (destination == "-")
    throw invalid_argument("--output {}: standard output takes one file: type=tar,dest=-", text);
  return OutputPlace{OutputPlace::Type::local, destination};
}

BuildOutput::BuildOutput(OutputPlace place) : place_(std::move(place)) {
  if (place_.destination == "-") {
    if (::isatty(STDOUT_FILENO) == 1)
      throw invalid_argument("--output: an archive is not written to a terminal: redirect it");
    file_ = duplicate(STDOUT_FILENO);
    return;
  }
  if (place_.type == OutputPlace::Type::local) {
    make_directories(place_.destination);
    const std::string name = place_.destination + "/.slipway-" + random_hex(8);
    file_ = open_file(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    check(::unlink(name.c_str()), "unlink {}", name);
    return;
  }
  if (std::filesystem::is_directory(place_.destination))
    throw invalid_argument("--output: {} is a directory, type=tar writes a file",
                           place_.destination);
  partial_ = place_.destination + ".partial-" + random_hex(8);
  file_ = open_file(partial_, O_WRONLY | O_CREAT | O_EXCL, 0644);
}

BuildOutput::~BuildOutput() {
  if (!partial_.empty()) ::unlink(partial_.c_str());
}

void BuildOutput::take(std::string_view bytes) {
  write_all(file_.get(), bytes);
}

void BuildOutput::finish() {
  if (place_.destination == "-") return;
  if (place_.type == OutputPlace::Type::tar) {
    check(::rename(partial_.c_str(), place_.destination.c_str()), "rename {} to {}", partial_,
          place_.destination);
    partial_.clear();
    return;
  }
  check(::lseek(file_.get(), 0, SEEK_SET), "read the files of the build");
  build::unpack_tar(linux::Root(place_.destination), "", source_of_fd(file_.get()),
                    build::Owner{::getuid(), ::getgid()});
}

}  // namespace slipway::cli
