// Blobs on their way in: one file per upload, appended in order, hashed while it comes. An upload
// survives a restart (its digest is then computed anew at the end). For the registry's HTTP side
// and ECR's layer API. Thread-safe; one request at a time works on an upload.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "codec/compress.h"
#include "image/image.h"

namespace slipway::registry {

class Uploads {
 public:
  // root: on the content store's filesystem.
  Uploads(std::string root, image::ContentStore& content, const Clock& clock);
  ~Uploads();
  // owner: the repository's ARN. An upload answers to its owner only; to others it is unknown.
  std::string start(std::string_view owner);
  // Bytes so far. Throws RegistryError upload_unknown.
  uint64_t received(std::string_view id, std::string_view owner) const;
  // Appends all of the source; returns the bytes so far. offset: where the caller thinks it goes
  // (throws range_invalid otherwise). If the source throws, the upload is as it was before.
  uint64_t append(std::string_view id, std::string_view owner, const ByteSource& source,
                  std::optional<uint64_t> offset = {});
  // Moves the upload into the content store. Throws digest_invalid (the upload is then gone).
  image::Descriptor finish(std::string_view id, std::string_view owner, std::string_view digest);
  void cancel(std::string_view id, std::string_view owner);
  // Drops uploads that nobody went on with for the time.
  void sweep(microseconds idle = seconds(24 * 3600));

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::registry
