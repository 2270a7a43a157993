// All handlers of the route table, by the file they are in.
#pragma once
#include "docker/call.h"

namespace slipway::docker {

// system.cc
void ping(Call&);
void version(Call&);
void info(Call&);
void login(Call&);
void disk_usage(Call&);
void not_a_swarm_manager(Call&);
void list_plugins(Call&);
// events.cc
void events(Call&);
// containers.cc
void start_container(Call&);
void stop_container(Call&);
void restart_container(Call&);
void kill_container(Call&);
void pause_container(Call&);
void unpause_container(Call&);
void rename_container(Call&);
void remove_container(Call&);
void wait_container(Call&);
void prune_containers(Call&);
void resize_container(Call&);
void inspect_container(Call&);
void top_container(Call&);
// container_list.cc
void list_containers(Call&);
// container_create.cc
void create_container(Call&);
// streams.cc
void attach_container(Call&);
void container_logs(Call&);
// exec.cc
void create_exec(Call&);
void start_exec(Call&);
void inspect_exec(Call&);
void resize_exec(Call&);
// images.cc
void list_images(Call&);
void inspect_image(Call&);
void image_history(Call&);
void tag_image(Call&);
void remove_image(Call&);
void prune_images(Call&);
// transfer.cc
void pull_image(Call&);
void push_image(Call&);
// build.cc
void build_image(Call&);
void prune_build_cache(Call&);
// networks.cc
void list_networks(Call&);
void inspect_network(Call&);
void remove_network(Call&);
void prune_networks(Call&);
// volumes.cc
void list_volumes(Call&);
void create_volume(Call&);
void inspect_volume(Call&);
void remove_volume(Call&);
void prune_volumes(Call&);
// Known to the API, not done here: 501.
void not_implemented(Call&);

}  // namespace slipway::docker
