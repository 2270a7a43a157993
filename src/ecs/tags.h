// Tags of clusters, services, tasks and task definitions, and the account's settings.
#pragma once
#include "ecs/api.h"
#include "ecs/names.h"

namespace slipway::ecs {

shape::TagResourceResponse tag_resource(Ecs& self, aws::Context& c,
                                        const shape::TagResourceRequest& in);
shape::UntagResourceResponse untag_resource(Ecs& self, aws::Context& c,
                                            const shape::UntagResourceRequest& in);
shape::ListTagsForResourceResponse list_tags_for_resource(
    Ecs& self, aws::Context& c, const shape::ListTagsForResourceRequest& in);

shape::PutAccountSettingResponse put_account_setting(Ecs& self, aws::Context& c,
                                                     const shape::PutAccountSettingRequest& in);
shape::PutAccountSettingDefaultResponse put_account_setting_default(
    Ecs& self, aws::Context& c, const shape::PutAccountSettingDefaultRequest& in);
shape::DeleteAccountSettingResponse delete_account_setting(
    Ecs& self, aws::Context& c, const shape::DeleteAccountSettingRequest& in);
shape::ListAccountSettingsResponse list_account_settings(
    Ecs& self, aws::Context& c, const shape::ListAccountSettingsRequest& in);

}  // namespace slipway::ecs
