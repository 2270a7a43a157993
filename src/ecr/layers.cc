// The layer API: uploads in parts, for clients that push without the registry protocol.
#include "codec/json.h"
#include "ecr/operations.h"

namespace slipway::ecr {

namespace {

constexpr int64_t part_size = 20'971'520;  // what AWS answers

api::BatchCheckLayerAvailabilityResponse batch_check_layer_availability(
    Ecr&, aws::Context& c, const api::BatchCheckLayerAvailabilityRequest& in) {
  const auto repository = repository_of(c, in);
  api::BatchCheckLayerAvailabilityResponse out;
  auto& layers = out.layers.emplace();
  auto& failures = out.failures.emplace();
  for (const auto& digest : *in.layerDigests) {
    if (!image::valid_digest(digest)) {
      auto& one = failures.emplace_back();
      one.layerDigest = digest;
      one.failureCode = api::LayerFailureCodeValues::InvalidLayerDigest;
      one.failureReason = "The layer digest is not valid";
      continue;
    }
    const auto blob = registry::find_blob(*c.db, *repository, digest);
    auto& one = layers.emplace_back();
    one.layerDigest = digest;
    one.layerAvailability =
        blob ? api::LayerAvailabilityValues::AVAILABLE : api::LayerAvailabilityValues::UNAVAILABLE;
    if (blob) one.layerSize = static_cast<int64_t>(blob->size);
  }
  return out;
}

api::InitiateLayerUploadResponse initiate_layer_upload(Ecr& self, aws::Context& c,
                                                       const api::InitiateLayerUploadRequest& in) {
  api::InitiateLayerUploadResponse out;
  out.uploadId = self.uploads.start(look_up_repository(c, in)->arn());
  out.partSize = part_size;
  return out;
}

[[noreturn]] void refuse_part(const registry::Repository& repository, const std::string& upload,
                              uint64_t received, const std::string& why) {
  const int64_t last = static_cast<int64_t>(received) - 1;
  throw api::InvalidLayerPartException(why, Json{{"registryId", repository.scope.account},
                                                 {"repositoryName", repository.name},
                                                 {"uploadId", upload},
                                                 {"lastValidByteReceived", last}}
                                                .dump());
}

api::UploadLayerPartResponse upload_layer_part(Ecr& self, aws::Context& c,
                                               const api::UploadLayerPartRequest& in) {
  const auto repository = look_up_repository(c, in);
  const std::string owner = repository->arn();
  const uint64_t received = self.uploads.received(*in.uploadId, owner);
  const int64_t first = *in.partFirstByte, last = *in.partLastByte;
  const auto& bytes = in.layerPartBlob->bytes;
  if (first < 0 || last < first || static_cast<uint64_t>(last - first) + 1 != bytes.size())
    refuse_part(*repository, *in.uploadId, received,
                fmt::format("The part from byte {} to byte {} does not have {} bytes", first, last,
                            bytes.size()));
  if (static_cast<uint64_t>(first) != received)
    refuse_part(*repository, *in.uploadId, received,
                fmt::format("The part begins at byte {}, but the next one expected is {}", first,
                            received));
  self.uploads.append(*in.uploadId, owner, source_of_string(bytes), received);
  api::UploadLayerPartResponse out;
  out.registryId = repository->scope.account;
  out.repositoryName = repository->name;
  out.uploadId = in.uploadId;
  out.lastByteReceived = last;
  return out;
}

api::CompleteLayerUploadResponse complete_layer_upload(Ecr& self, aws::Context& c,
                                                       const api::CompleteLayerUploadRequest& in) {
  const auto repository = look_up_repository(c, in);
  const std::string owner = repository->arn(), digest = in.layerDigests->at(0);
  if (self.uploads.received(*in.uploadId, owner) == 0)
    throw api::EmptyUploadException(
        fmt::format("The upload with id '{}' has no layer parts", *in.uploadId));
  std::optional<registry::Blob> known;
  c.store.read(
      [&](const store::Reader& db) { known = registry::find_blob(db, *repository, digest); });
  if (known)
    throw api::LayerAlreadyExistsException(
        fmt::format("The layer with digest '{}' already exists {}", digest, place_of(*repository)));
  const auto blob = self.uploads.finish(*in.uploadId, owner, digest);
  c.store.write([&](store::Writer& db) {
    registry::add_blob(db, *repository, blob.digest, blob.size, c.now);
  });
  api::CompleteLayerUploadResponse out;
  out.registryId = repository->scope.account;
  out.repositoryName = repository->name;
  out.uploadId = in.uploadId;
  out.layerDigest = digest;
  return out;
}

}  // namespace

void add_layers(Ecr& self, Rows& rows) {
  const aws::OperationOptions own{.transaction = aws::Transaction::none};
  rows.push_back(row<api::op::BatchCheckLayerAvailability>(
      self, batch_check_layer_availability, {.transaction = aws::Transaction::read}));
  rows.push_back(row<api::op::InitiateLayerUpload>(self, initiate_layer_upload, own));
  rows.push_back(row<api::op::UploadLayerPart>(self, upload_layer_part, own));
  rows.push_back(row<api::op::CompleteLayerUpload>(self, complete_layer_upload, own));
}

}  // namespace slipway::ecr
