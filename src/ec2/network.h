// What ec2/ publishes to ecs/ and elb/: the default VPC and the life of network interfaces.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace slipway::ec2 {

struct Subnet {
  std::string id, vpc_id, cidr, vpc_cidr, availability_zone;
};
struct NetworkInterface {
  std::string id, subnet_id, vpc_id, private_ip, mac, private_dns_name, description,
      availability_zone;
  std::string requester_id, instance_owner_id;  // "amazon-elb" for load balancers
  std::string attachment_id;
  std::vector<std::string> security_groups;
};

// Makes the region's default VPC, its three subnets, security group, route table, internet gateway
// and network ACL when they are missing. Idempotent.
void ensure_default_vpc(store::Writer& db, const std::string& account, const std::string& region);
std::optional<Subnet> find_subnet(const store::Reader& db, const std::string& subnet_id);
std::vector<Subnet> default_subnets(const store::Reader& db, const std::string& region);
bool security_group_exists(const store::Reader& db, const std::string& group_id);
std::string default_security_group(const store::Reader& db, const std::string& vpc_id);
// Takes a free address of the subnet. Throws Error(conflict) when it is full, not_found for the
// subnet.
NetworkInterface create_interface(store::Writer& db, const std::string& region,
                                  const std::string& subnet_id,
                                  const std::vector<std::string>& security_groups,
                                  const std::string& description, const std::string& owner);
void delete_interface(store::Writer& db, const std::string& interface_id);

}  // namespace slipway::ec2
