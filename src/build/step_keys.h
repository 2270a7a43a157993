// What the cache knows a step by: a key over the layers below and over everything that the step's
// result depends on. What it does not depend on stays out (a LABEL above a RUN does not rerun it).
// Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "image/image.h"

namespace slipway::build {

struct RunInputs {
  std::vector<std::string> words, env;
  std::string user, working_dir, network;
  std::vector<std::string> mounts{};
  bool insecure = false;
};
std::string run_inputs(const RunInputs& run);

struct CopyInputs {
  bool add = false;
  std::vector<std::string> sums;  // of each source's files, in order
  std::string destination, chown, chmod;
  std::string options{};  // whatever else changes what is written
};
std::string copy_inputs(const CopyInputs& copy);

// Of a step that changes files: below are the diff ids of the layers under it.
std::string layer_key(const std::vector<image::Digest>& below, std::string_view inputs);
// Of a step that changes only the configuration: before is the key of the step before it.
std::string config_key(std::string_view before, std::string_view inputs);

}  // namespace slipway::build
