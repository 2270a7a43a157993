// The table of ECS operations. A modelled operation that has no row here answers ECS's own "not
// implemented" error.
#include "ecs/api.h"

#include "aws/op.h"
#include "ecs/cluster.h"
#include "ecs/service.h"
#include "ecs/tags.h"
#include "ecs/task.h"
#include "ecs/task_definition.h"

namespace slipway::ecs {

namespace op = aws::ecs::op;

aws::Service service(Ecs& self) {
  return {"ecs",
          {
              aws::op<op::CreateCluster>(self, create_cluster),
              aws::op<op::DeleteCluster>(self, delete_cluster),
              aws::op<op::DescribeCapacityProviders>(self, describe_capacity_providers),
              aws::op<op::DescribeClusters>(self, describe_clusters),
              aws::op<op::ListClusters>(self, list_clusters),
              aws::op<op::PutClusterCapacityProviders>(self, put_cluster_capacity_providers),
              aws::op<op::UpdateCluster>(self, update_cluster),
              aws::op<op::UpdateClusterSettings>(self, update_cluster_settings),

              aws::op<op::DeleteTaskDefinitions>(self, delete_task_definitions),
              aws::op<op::DeregisterTaskDefinition>(self, deregister_task_definition),
              aws::op<op::DescribeTaskDefinition>(self, describe_task_definition),
              aws::op<op::ListTaskDefinitionFamilies>(self, list_task_definition_families),
              aws::op<op::ListTaskDefinitions>(self, list_task_definitions),
              aws::op<op::RegisterTaskDefinition>(self, register_task_definition),

              aws::op<op::DescribeTasks>(self, describe_tasks),
              aws::op<op::ListTasks>(self, list_tasks),
              aws::op<op::RunTask>(self, run_task),
              aws::op<op::StopTask>(self, stop_task),

              aws::op<op::CreateService>(self, create_service),
              aws::op<op::DeleteService>(self, delete_service),
              aws::op<op::DescribeServices>(self, describe_services),
              aws::op<op::ListServices>(self, list_services),
              aws::op<op::UpdateService>(self, update_service),

              aws::op<op::ListTagsForResource>(self, list_tags_for_resource),
              aws::op<op::TagResource>(self, tag_resource),
              aws::op<op::UntagResource>(self, untag_resource),

              aws::op<op::DeleteAccountSetting>(self, delete_account_setting),
              aws::op<op::ListAccountSettings>(self, list_account_settings),
              aws::op<op::PutAccountSetting>(self, put_account_setting),
              aws::op<op::PutAccountSettingDefault>(self, put_account_setting_default),
          }};
}

}  // namespace slipway::ecs
