// ARNs and the short forms that every operation accepts in their place, and finding what they name.
// Errors are AWS's own.
#pragma once
#include <memory>
#include <string>

#include "aws/operation.h"
#include "ecs/records.h"

namespace slipway::ecs {

// "default" when absent; the name, or the last part of an ARN.
std::string cluster_name(const std::optional<std::string>& reference);
// Throws ClusterNotFoundException unless it exists and is not INACTIVE.
std::shared_ptr<const ClusterRecord> need_cluster(const aws::Context& c, const std::string& name);

// The last segment of an ARN, or the text itself.
std::string last_segment(std::string_view reference);

// family, family:revision, or ARN; without a revision the newest ACTIVE one. Null when there is
// none.
std::shared_ptr<const TaskDefinitionRecord> find_definition(const store::Reader& db,
                                                            const std::string& region,
                                                            const std::string& reference);

// What a resource ARN of ECS names, or throws InvalidParameterException.
struct Resource {
  std::string kind;  // cluster, service, task, task-definition, capacity-provider, ...
  std::vector<std::string> parts;
};
Resource parse_arn(const aws::Context& c, const std::string& arn);

// Letters, digits, - and _; 1 to 255.
bool valid_name(std::string_view name);

// The name or id in a reference to a service or a task (kind): itself, or the end of its ARN, which
// must be of the cluster that was asked for. Throws InvalidParameterException.
std::string id_in_cluster(const aws::Context& c, std::string_view kind, const std::string& cluster,
                          const std::string& reference);
// Tags as a request gives them; throws InvalidParameterException.
void check_tags(const Tags& tags);

// How many items a page may have: 1 to 100.
size_t page_size(const std::optional<int32_t>& max_results, int32_t fallback);

std::string random_deployment_id();  // ecs-svc/<19 digits>

}  // namespace slipway::ecs
