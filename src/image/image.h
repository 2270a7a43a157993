// Images as the engine, the builder, the registry and ECS see them: ONE content store for all.
// A blob is a file named by its digest; an image is a manifest whose config and layers are blobs.
// All classes are thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/stop.h"
#include "codec/compress.h"
#include "store/store.h"

namespace slipway::image {

// A content digest, "sha256:<64 hex>" (or sha512). parse throws Error(invalid_argument).
using Digest = std::string;
bool valid_digest(std::string_view text);
// "team/app": the part of a reference behind the domain, up to 256 characters; and a tag.
bool valid_repository_path(std::string_view path);
bool valid_tag_name(std::string_view tag);

struct Descriptor {
  std::string media_type;
  Digest digest;
  uint64_t size = 0;
};

// name[:tag][@digest] with Docker's rules: "busybox" -> docker.io/library/busybox:latest.
struct Reference {
  std::string
      domain;  // "docker.io", "localhost:5000", "123456789012.dkr.ecr.us-east-1.amazonaws.com"
  std::string path;  // "library/busybox"
  std::string tag;   // may be empty when digest is given
  std::string digest;
  std::string name() const;      // domain/path
  std::string familiar() const;  // as docker shows it: "busybox:latest"
  std::string full() const;      // domain/path:tag or @digest
  // Throws Error(invalid_argument) with Docker's words ("invalid reference format").
  static Reference parse(std::string_view text);
};

// Writes a blob: bytes are hashed while written, the file appears only at commit (fsync, rename).
class Ingest {
 public:
  virtual ~Ingest() = default;  // without commit: discarded
  virtual void write(std::string_view bytes) = 0;
  virtual uint64_t size() const = 0;
  // Throws Error(invalid_argument) when expected is given and differs. Already there: fine.
  virtual Digest commit(std::string_view expected = {}) = 0;
};

class ContentStore {
 public:
  explicit ContentStore(std::string root);  // <root>/blobs/sha256/<xx>/<hex>, <root>/ingest
  ~ContentStore();
  std::unique_ptr<Ingest> ingest(std::string_view algorithm = "sha256");
  Digest put(std::string_view bytes);
  // Takes over a finished file of the same filesystem as a blob. The caller has hashed it.
  void adopt(const std::string& file, const Digest& digest);
  bool has(std::string_view digest) const;
  std::optional<uint64_t> size(std::string_view digest) const;
  Fd open(std::string_view digest) const;  // throws Error(not_found)
  std::string read(std::string_view digest, size_t limit = 16u << 20) const;
  std::string path(std::string_view digest) const;
  bool remove(std::string_view digest);
  // Says that somebody is about to rely on the blob: collect_garbage leaves it for its grace time.
  // False when it is not there.
  bool touch(std::string_view digest) const;
  // Removes the blob unless it was written or touched within the time.
  bool remove_if_idle(std::string_view digest, microseconds idle);
  std::vector<Descriptor> list() const;  // media_type empty

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The parts of an OCI/Docker image config that we act on; raw keeps all of it.
struct HealthCheck {
  std::vector<std::string> test;  // {"NONE"}, {"CMD", ...}, {"CMD-SHELL", "..."}
  int64_t interval_ns = 0, timeout_ns = 0, start_period_ns = 0;
  int retries = 0;
  int64_t start_interval_ns = 0;
};
struct Config {
  std::string architecture = "amd64", os = "linux", created, author;
  std::string user, working_dir, stop_signal;
  std::vector<std::string> env, entrypoint, cmd, shell, exposed_ports /* "80/tcp" */, volumes,
      on_build;
  std::vector<std::pair<std::string, std::string>> labels;
  std::optional<HealthCheck> health_check;
  std::vector<Digest> diff_ids;
  struct History {
    std::string created, created_by, comment;
    bool empty_layer = false;
  };
  std::vector<History> history;
  // What the builder's cache knows each step of history by ("" for steps made elsewhere), so that
  // any image can serve as --cache-from.
  std::vector<std::string> step_keys;
  // The exact text of a config blob made from this; parse is its inverse (unknown members are
  // lost).
  std::string to_json() const;
  static Config parse(std::string_view json);
};

struct Image {
  std::string id;          // "sha256:..." of the config blob: Docker's image id
  Digest manifest_digest;  // of the name it was found by; else the one registered last
  std::string manifest_media_type;
  Config config;
  std::string config_json;           // the blob as it is
  std::vector<Descriptor> layers;    // compressed, bottom first
  uint64_t size = 0;                 // uncompressed bytes of all layers
  std::vector<std::string> tags;     // full references, "docker.io/library/busybox:latest"
  std::vector<std::string> digests;  // "name@sha256:..."
  TimePoint created;
};

// Image names and what is unpacked. Everything persistent is in the content store, the snapshot
// folders and the store::Store, so that a restart forgets nothing.
class Images {
 public:
  Images(std::string root, store::Store& store, ContentStore& content);
  ~Images();

  // By reference, id, or unambiguous id prefix (>= 4 hex digits). nullopt when unknown.
  std::optional<Image> find(std::string_view name_or_id) const;
  Image get(std::string_view name_or_id) const;  // throws Error(not_found) "No such image: X"
  std::vector<Image> list() const;
  // Registers a manifest (not an index) whose config and layers are in the content store, byte for
  // byte. Returns the image id.
  std::string add_manifest(std::string_view manifest, std::string_view media_type);
  // Makes a manifest (Docker v2 schema 2) from a config and its layers, and registers it.
  Image create(const Config& config, const std::vector<Descriptor>& layers);
  // By tag: moves the tag here if it named another image. By digest: notes "name@digest".
  void tag(std::string_view image_id, const Reference& name);
  // Docker's rmi: removes a tag, or the image when it was the last one. Throws Error(conflict) when
  // in_use says so (unless force). Returns {"Untagged": ...}/{"Deleted": ...} lines in order.
  // in_use answers who uses the image: "running container 0123456789ab" (by id not even force helps
  // then) or "stopped container 0123456789ab"; nullopt: nobody. An image that is used loses its
  // names by force, never its layers.
  struct Removed {
    bool untagged;
    std::string what;
  };
  std::vector<Removed> remove(
      std::string_view name_or_id, bool force,
      const std::function<std::optional<std::string>(const std::string& id)>& in_use);

  // The unpacked layer directories of an image, top-most first (overlay's lowerdir order). Unpacks
  // what is missing: safely (no entry leaves its root), in parallel callers once.
  std::vector<std::string> unpack(const Image& image, const Stop& stop);
  // One more layer from an overlay upper directory (unmounted, on the same filesystem as root, made
  // without redirect_dir and metacopy): tar + gzip into the content store. The directory itself
  // becomes the layer's unpacked form: it is gone from upper_dir afterwards.
  struct Layer {
    Descriptor descriptor;
    Digest diff_id;
    uint64_t size = 0;  // uncompressed
  };
  struct LayerOptions {
    bool zstd = false;                // instead of gzip
    std::optional<int64_t> newest{};  // SOURCE_DATE_EPOCH: later file times become this one
  };
  Layer commit_layer(const std::vector<Digest>& parent_diff_ids, const std::string& upper_dir,
                     const Stop& stop, const LayerOptions& options);
  Layer commit_layer(const std::vector<Digest>& parent_diff_ids, const std::string& upper_dir,
                     const Stop& stop) {
    return commit_layer(parent_diff_ids, upper_dir, stop, LayerOptions{});
  }

  // As commit_layer, of a directory that goes on being used: nothing is moved (docker commit).
  Layer copy_layer(const std::string& directory, const Stop& stop);
  // Takes in a layer archive while it arrives: into the content store and unpacked, in one go. With
  // the digest that the blob must have: stored byte for byte, else an archive that is not
  // compressed may be. Throws Error(invalid_argument) on a wrong digest or a hostile archive.
  Layer import_layer(const ByteSource& source, std::string_view expected, const Stop& stop);
  // Registers an image by its config's exact text and its layers. Its manifest is made here.
  Image assemble(const std::string& config_json, const std::vector<Descriptor>& layers);
  // Bytes of the files of a layer; nullopt: it has not been unpacked yet.
  std::optional<uint64_t> layer_size(const Digest& diff_id) const;
  ContentStore& content() const;

  // Nothing of these (blob digests and diff ids alike) is collected while the result lives: for a
  // builder between its steps, a container on an image that was removed by force.
  std::shared_ptr<void> pin(std::vector<Digest> digests);
  // Deletes blobs and unpacked layers that no image needs, that in_use does not claim (asked with
  // blob digests and with diff ids), and that nobody wrote or touched within the grace time.
  // Returns the bytes freed. Also makes unpacked layers durable: call it now and then.
  uint64_t collect_garbage(const std::function<bool(const Digest&)>& in_use,
                           microseconds grace = seconds(600));

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::image
