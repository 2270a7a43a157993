// Where `slipway build --output` puts the files of the target: a folder, an archive, standard
// output.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace slipway::cli {

struct OutputPlace {
  enum class Type { local, tar };
  Type type = Type::local;
  std::string destination;  // "-": standard output
};
// "type=local,dest=DIR", "type=tar,dest=FILE", DIR, "-". nullopt: an image, as without --output.
// Throws Error(invalid_argument) for what there is no exporter for.
std::optional<OutputPlace> parse_output(const std::string& text);

// Takes the archive as it comes. Nothing is to be seen at the destination before finish, except on
// standard output.
class BuildOutput {
 public:
  explicit BuildOutput(OutputPlace place);
  ~BuildOutput();
  BuildOutput(const BuildOutput&) = delete;
  BuildOutput& operator=(const BuildOutput&) = delete;
  void take(std::string_view bytes);
  void finish();

 private:
  OutputPlace place_;
  std::string partial_;  // of a tar: its name until it is whole
  Fd file_;
};

}  // namespace slipway::cli
