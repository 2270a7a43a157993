// Task specifications and records for tests.
#pragma once
#include "agent/plan.h"
#include "base/ids.h"

namespace slipway::agent::testing {

inline TaskSpec one_container_task(const std::string& id = random_hex(32)) {
  TaskSpec spec;
  spec.id = id;
  spec.arn = "arn:aws:ecs:us-east-1:123456789012:task/default/" + id;
  spec.cluster = "default";
  spec.family = "web";
  spec.revision = 1;
  spec.launch_type = "FARGATE";
  spec.network_mode = "awsvpc";
  spec.region = "us-east-1";
  NetworkInterface interface;
  interface.id = "eni-0123456789abcdef0";
  interface.mac = "02:00:00:00:01:10";
  interface.ip = "10.77.1.16";
  interface.subnet_id = "subnet-0a0a0a0a0a0a0a0a1";
  interface.subnet_cidr = "10.77.1.0/24";
  interface.vpc_cidr = "10.77.0.0/16";
  interface.private_dns_name = "ip-10-77-1-16.ec2.internal";
  spec.network = interface;
  ContainerSpec container;
  container.name = "app";
  container.image = "busybox:latest";
  spec.containers.push_back(container);
  return spec;
}

inline ContainerSpec container_named(const std::string& name, bool essential = true) {
  ContainerSpec container;
  container.name = name;
  container.image = "busybox:latest";
  container.essential = essential;
  return container;
}

}  // namespace slipway::agent::testing
