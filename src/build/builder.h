// Builds images from a Dockerfile and a context, for POST /build and `slipway build`: one layer for
// each step that changes files, taken from the overlay's upper directory; every step cached by what
// went into it. Thread-safe; builds may run side by side.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "codec/compress.h"
#include "container/engine.h"
#include "image/image.h"
#include "registry/client.h"
#include "store/store.h"

namespace slipway::build {

struct Request {
  std::string dockerfile = "Dockerfile";  // path inside the context
  std::vector<std::string> tags;
  std::map<std::string, std::string> build_args, labels;
  std::string target, network_mode, platform;
  bool no_cache = false, pull = false;
  uint64_t memory_bytes = 0, shm_size_bytes = 0;
  std::vector<std::string> extra_hosts;
  // By registry domain; what X-Registry-Config carried.
  std::map<std::string, registry::Credentials> credentials;
};

// A RUN step that failed: what() names the file and line, code is the command's exit code.
class StepFailed : public Error {
 public:
  StepFailed(int code, const std::string& message)
      : Error(Kind::invalid_argument, message), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

// Takes the text that `docker build` shows, in order ("Step 1/3 : FROM scratch\n", RUN's output).
using Output = std::function<void(std::string_view text)>;

class Builder {
 public:
  struct Deps {
    std::string root;  // <data dir>/build: contexts while they are used
    container::Engine& engine;
    image::Images& images;
    image::ContentStore& content;
    registry::Client& registry;
    store::Store& store;
    Clock& clock;
  };
  explicit Builder(Deps deps);
  ~Builder();

  // After a daemon start, once the engine has recovered: removes what a build that was cut off has
  // left.
  void recover();
  // context: a tar stream, plain or compressed. Returns the image id. Throws DockerfileError,
  // StepFailed, Error; nothing is tagged unless everything succeeded.
  std::string build(const Request& request, const ByteSource& context, const Output& output,
                    const Stop& stop);
  // Forgets every cached step; returns how many.
  size_t prune_cache();

 private:
  Deps deps_;
};

}  // namespace slipway::build
