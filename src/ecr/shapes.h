// Registry records as ECR's shapes. Private to ecr/.
#pragma once
#include "ecr/operations.h"

namespace slipway::ecr {

using ExclusionFilters = std::optional<std::vector<api::ImageTagMutabilityExclusionFilter>>;

api::Repository shape_of(const registry::Repository& repository);
ExclusionFilters exclusion_filters(const registry::Repository& repository);
// Throws InvalidParameterException when setting and filters do not fit.
void set_mutability(registry::Repository& repository, const std::string& setting,
                    const ExclusionFilters& filters);

}  // namespace slipway::ecr
