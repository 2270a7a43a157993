// ECR: the AWS API over the registry's repositories. Images, tags and blobs are the registry's (see
// registry/repositories.h); this folder gives them AWS's shapes, limits and words.
#pragma once
#include "aws/operation.h"
#include "image/image.h"
#include "registry/tokens.h"
#include "registry/uploads.h"

namespace slipway::ecr {

// What the handlers need beside the store. Everything is owned elsewhere and outlives this.
struct Ecr {
  image::ContentStore& content;
  registry::Uploads& uploads;
  const registry::Tokens& tokens;
};

// The operation table ("ecr").
aws::Service service(Ecr& self);

}  // namespace slipway::ecr
