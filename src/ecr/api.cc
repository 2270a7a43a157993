// The table of ECR's operations and the map from registry refusals to its exceptions.
#include "ecr/api.h"

#include "ecr/operations.h"

namespace slipway::ecr {

using registry::Code;

void throw_service_error(const registry::RegistryError& e) {
  const std::string text = e.what();
  switch (e.code()) {
    case Code::repository_unknown:
      throw api::RepositoryNotFoundException(text);
    case Code::repository_exists:
      throw api::RepositoryAlreadyExistsException(text);
    case Code::repository_not_empty:
      throw api::RepositoryNotEmptyException(text);
    case Code::manifest_unknown:
      throw api::ImageNotFoundException(text);
    case Code::manifest_blob_unknown:
    case Code::blob_unknown:
      throw api::LayersNotFoundException(text);
    case Code::manifest_child_unknown:
      throw api::ReferencedImagesNotFoundException(text);
    case Code::tag_immutable:
      throw api::ImageTagAlreadyExistsException(text);
    case Code::upload_unknown:
      throw api::UploadNotFoundException(text);
    case Code::digest_invalid:
      throw api::InvalidLayerException(text);
    case Code::manifest_invalid:
      throw api::InvalidParameterException(fmt::format(
          "Invalid parameter at 'ImageManifest' failed to satisfy constraint: '{}'", text));
    case Code::name_invalid:
    case Code::tag_invalid:
    case Code::upload_invalid:
    case Code::range_invalid:
    case Code::manifest_referenced:
    case Code::blob_referenced:
    case Code::unsupported:
      throw api::InvalidParameterException(text);
    case Code::unauthorized:
    case Code::denied:
      throw aws::ServiceError("AccessDeniedException", 400, text);
  }
  throw internal("registry refusal {} has no ECR exception", static_cast<int>(e.code()));
}

std::string place_of(const registry::Repository& repository) {
  return fmt::format("in the repository with name '{}' in the registry with id '{}'",
                     repository.name, repository.scope.account);
}

aws::Service service(Ecr& self) {
  aws::Service out{"ecr", {}};
  add_repositories(self, out.operations);
  add_repository_settings(self, out.operations);
  add_images(self, out.operations);
  add_image_batches(self, out.operations);
  add_layers(self, out.operations);
  add_tags(self, out.operations);
  return out;
}

}  // namespace slipway::ecr
