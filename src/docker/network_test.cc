// What clients send about ports and networks, as the engine gets it.
#include <gtest/gtest.h>

#include "base/error.h"
#include "docker/create_parts.h"
#include "docker/create_spec.h"

namespace slipway::docker {
namespace {

Kind refusal_of(const char* body) {
  try {
    translate_create(parse_json(body));
  } catch (const Error& e) {
    return e.kind();
  }
  ADD_FAILURE() << "no error: " << body;
  return Kind::internal;
}

TEST(CreateNetwork, EndpointsOfSeveralNetworksAreRead) {
  const auto spec = translate_create(parse_json(R"({"Image":"a",
      "HostConfig":{"NetworkMode":"front","Links":["db:data"]},
      "NetworkingConfig":{"EndpointsConfig":{
        "front":{"Aliases":["web","web","www"],"IPAMConfig":{"IPv4Address":"10.1.0.9"},
                 "MacAddress":"02:AA:00:00:00:01","GwPriority":5,"Links":["db:data"]},
        "back":null}}})"))
                        .spec;
  EXPECT_EQ(spec.network_mode, "front");
  ASSERT_EQ(spec.networks.size(), 2u);
  const auto& back = spec.networks[0];
  EXPECT_EQ(back.network, "back");
  EXPECT_TRUE(back.aliases.empty());
  const auto& front = spec.networks[1];
  EXPECT_EQ(front.aliases, (std::vector<std::string>{"web", "www"}));
  EXPECT_EQ(front.ipv4, "10.1.0.9");
  EXPECT_EQ(front.mac, "02:aa:00:00:00:01");
  EXPECT_EQ(front.gateway_priority, 5);
  EXPECT_EQ(front.links, std::vector<std::string>{"db:data"});
  EXPECT_EQ(spec.links, std::vector<std::string>{"db:data"});
}

TEST(CreateNetwork, TheOldMacAddressIsThePrimaryNetworks) {
  const auto spec = translate_create(parse_json(R"({"Image":"a","MacAddress":"02:00:00:00:00:01",
      "HostConfig":{"NetworkMode":"front"}})"))
                        .spec;
  ASSERT_EQ(spec.networks.size(), 1u);
  EXPECT_EQ(spec.networks[0].network, "front");
  EXPECT_EQ(spec.networks[0].mac, "02:00:00:00:00:01");
}

TEST(CreateNetwork, RangesOfHostPortsAreKept) {
  const auto spec = translate_create(parse_json(R"({"Image":"a","HostConfig":{"PortBindings":
      {"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8000-8010"},{"HostPort":""}],"53/udp":[]}}})"))
                        .spec;
  ASSERT_EQ(spec.ports.size(), 3u);
  EXPECT_EQ(spec.ports[0].protocol, "udp");
  EXPECT_EQ(spec.ports[1].host_ip, "127.0.0.1");
  EXPECT_EQ(spec.ports[1].host_port, 8000);
  EXPECT_EQ(spec.ports[1].host_port_end, 8010);
  EXPECT_EQ(spec.ports[2].host_port, 0);
}

TEST(CreateNetwork, WhatCannotBeIsRefused) {
  for (const char* body :
       {R"({"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"9-8"}]}}})",
        R"({"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"0-8"}]}}})",
        R"({"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"8-70000"}]}}})",
        R"({"HostConfig":{"NetworkMode":"container:a","Dns":["1.1.1.1"]}})",
        R"({"HostConfig":{"NetworkMode":"container:a","PublishAllPorts":true}})",
        R"({"Hostname":"h","HostConfig":{"NetworkMode":"container:a"}})",
        R"({"HostConfig":{"NetworkMode":"host","Links":["a"]}})",
        R"({"HostConfig":{"NetworkMode":"a b"}})", R"({"HostConfig":{"NetworkMode":"netns:/x"}})",
        R"({"NetworkingConfig":{"EndpointsConfig":{"a":5}}})",
        R"({"NetworkingConfig":{"EndpointsConfig":{"a":{"IPAMConfig":{"IPv4Address":"1.2"}}}}})",
        R"({"NetworkingConfig":{"EndpointsConfig":{"a":{"Aliases":[5]}}}})"}) {
    EXPECT_EQ(refusal_of(body), Kind::invalid_argument) << body;
  }
}

TEST(CreateNetwork, Ipv6AddressesAreReadAndShownInOneForm) {
  const auto spec = translate_create(parse_json(R"({"Image":"a",
      "HostConfig":{"NetworkMode":"a","PortBindings":{
        "80/tcp":[{"HostIp":"0:0::1","HostPort":"8080"}],"81/sctp":[{}]}},
      "NetworkingConfig":{"EndpointsConfig":{"a":{"IPAMConfig":{
        "IPv6Address":"FD00:0::5","LinkLocalIPs":["169.254.1.2","fe80:0::7"]}}}}})"))
                        .spec;
  ASSERT_EQ(spec.ports.size(), 2u);
  EXPECT_EQ(spec.ports[0].host_ip, "::1");
  EXPECT_EQ(spec.ports[1].protocol, "sctp");
  EXPECT_EQ(spec.networks[0].ipv6, "fd00::5");
  EXPECT_EQ(spec.networks[0].link_local, (std::vector<std::string>{"169.254.1.2", "fe80::7"}));
  for (
      const char* body :
      {R"({"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"::x"}]}}})",
       R"({"HostConfig":{"PortBindings":{"80/dccp":[{}]}}})",
       R"({"NetworkingConfig":{"EndpointsConfig":{"a":{"IPAMConfig":{"IPv6Address":"1.2.3.4"}}}}})",
       R"({"NetworkingConfig":{"EndpointsConfig":{"a":{"IPAMConfig":{"LinkLocalIPs":["x"]}}}}})"}) {
    EXPECT_EQ(refusal_of(body), Kind::invalid_argument) << body;
  }
}

}  // namespace
}  // namespace slipway::docker
