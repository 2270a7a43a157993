// The table of registry errors.
#include "registry/errors.h"

#include "base/strings.h"

namespace slipway::registry {

Wire wire_of(Code code) {
  switch (code) {
    case Code::repository_unknown:
      return {404, "NAME_UNKNOWN"};
    case Code::name_invalid:
      return {400, "NAME_INVALID"};
    case Code::manifest_unknown:
      return {404, "MANIFEST_UNKNOWN"};
    case Code::manifest_invalid:
      return {400, "MANIFEST_INVALID"};
    case Code::manifest_blob_unknown:
    case Code::manifest_child_unknown:
      return {404, "MANIFEST_BLOB_UNKNOWN"};
    case Code::blob_unknown:
      return {404, "BLOB_UNKNOWN"};
    case Code::upload_unknown:
      return {404, "BLOB_UPLOAD_UNKNOWN"};
    case Code::upload_invalid:
      return {400, "BLOB_UPLOAD_INVALID"};
    case Code::range_invalid:
      return {416, "RANGE_INVALID"};
    case Code::digest_invalid:
      return {400, "DIGEST_INVALID"};
    case Code::tag_invalid:
    case Code::tag_immutable:
      return {400, "TAG_INVALID"};
    case Code::unauthorized:
      return {401, "UNAUTHORIZED"};
    case Code::denied:
    case Code::blob_referenced:
    case Code::manifest_referenced:
      return {403, "DENIED"};
    case Code::unsupported:
    case Code::repository_exists:
    case Code::repository_not_empty:
      return {405, "UNSUPPORTED"};
  }
  return {500, "UNKNOWN"};
}

std::string docker_text(std::string_view code, std::string_view message) {
  return replace_all(to_lower(code), "_", " ") + ": " + std::string(message);
}

std::string docker_text(const RegistryError& error) {
  return docker_text(wire_of(error.code()).code, error.what());
}

}  // namespace slipway::registry
