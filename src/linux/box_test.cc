// Mounts, namespaces, links, nftables and control groups for real: only inside tools/box.
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "linux/cgroups.h"
#include "linux/links.h"
#include "linux/mounts.h"
#include "linux/netns.h"
#include "linux/nft.h"
#include "linux/process.h"

namespace slipway::linux {
namespace {

#define ONLY_IN_A_BOX()                      \
  if (std::getenv("SLIPWAY_BOX") == nullptr) \
  GTEST_SKIP() << "needs private namespaces: run it by tools/box (SLIPWAY_BOX is not set)"

struct Scratch {
  std::string path = "/tmp/slipway-linux-" + random_hex(8);
  Scratch() { make_directories(path); }
  ~Scratch() {
    unmount_below(path);
    remove_tree(path);
  }
};

class ROOT_OverlayBy : public ::testing::TestWithParam<decltype(&mount_overlay)> {};
INSTANTIATE_TEST_SUITE_P(Kernels, ROOT_OverlayBy,
                         ::testing::Values(&mount_overlay, &mount_overlay_classic));

TEST_P(ROOT_OverlayBy, ShowsTopLayersFirstEvenWithVeryMany) {
  ONLY_IN_A_BOX();
  const Scratch scratch;
  Overlay overlay;
  for (int i = 0; i < 120; ++i) {
    const auto layer =
        fmt::format("{}/layer-with-a-rather-long-name,and:comma-{}", scratch.path, i);
    make_directories(layer);
    write_file(layer + "/which", std::to_string(i));
    write_file(fmt::format("{}/only{}", layer, i), "x");
    overlay.lower.push_back(layer);
  }
  overlay.upper = scratch.path + "/upper";
  overlay.work = scratch.path + "/work";
  overlay.options = {"volatile"};
  const auto target = scratch.path + "/merged";
  for (const auto& dir : {overlay.upper, overlay.work, target}) make_directories(dir);
  GetParam()(overlay, target);
  EXPECT_EQ(read_file(target + "/which"), "0");
  EXPECT_TRUE(exists(target + "/only119"));
  write_file(target + "/new", "y");
  EXPECT_TRUE(exists(overlay.upper + "/new"));
  EXPECT_TRUE(is_mount_point(target));
  EXPECT_TRUE(unmount(target));
  EXPECT_FALSE(unmount(target));
}

TEST(ROOT_Overlay, NamesTheLayerThatIsMissing) {
  ONLY_IN_A_BOX();
  const Scratch scratch;
  make_directories(scratch.path + "/a");
  try {
    mount_overlay({.lower = {scratch.path + "/a", scratch.path + "/missing"}}, scratch.path);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("/missing"), std::string::npos) << e.what();
  }
}

TEST(ROOT_Overlay, OneLayerAloneIsReadOnly) {
  ONLY_IN_A_BOX();
  const Scratch scratch;
  make_directories(scratch.path + "/a");
  make_directories(scratch.path + "/m");
  mount_overlay({.lower = {scratch.path + "/a"}}, scratch.path + "/m");
  EXPECT_THROW(write_file(scratch.path + "/m/x", "x"), Error);
}

TEST(ROOT_Netns, IsPinnedAndRemoved) {
  ONLY_IN_A_BOX();
  const Scratch scratch;
  const auto path = scratch.path + "/ns/one";
  EXPECT_TRUE(create_netns(path));
  EXPECT_FALSE(create_netns(path));
  std::vector<std::string> names;
  in_netns(path, [&] {
    for (const auto& link : Links().list()) names.push_back(link.name);
  });
  EXPECT_EQ(names.front(), "lo");
  EXPECT_THROW(in_netns(path, [] { throw not_found("inside"); }), Error);
  const Fd socket = listen_tcp_socket_in(path, "127.0.0.1", 80);
  EXPECT_TRUE(socket.valid());
  delete_netns(path);
  EXPECT_FALSE(exists(path));
  delete_netns(path);
  EXPECT_THROW(in_netns(path, [] {}), Error);
}

// A task's wiring as the agent does it: bridge, veth into a namespace, routes; then a ping by TCP.
TEST(ROOT_Links, ConnectANamespaceThroughABridge) {
  ONLY_IN_A_BOX();
  const Scratch scratch;
  const auto path = scratch.path + "/ns";
  create_netns(path);
  const Fd ns = open_netns(path);
  Links links;
  EXPECT_TRUE(links.add_bridge("tb0", "02:00:00:00:00:01"));
  EXPECT_FALSE(links.add_bridge("tb0"));
  EXPECT_TRUE(links.add_address("tb0", "10.9.1.1/24"));
  EXPECT_FALSE(links.add_address("tb0", "10.9.1.1/24"));
  links.set_up("tb0");
  EXPECT_TRUE(links.add_veth({.name = "tv0",
                              .peer_name = "eth0",
                              .peer_netns = ns.get(),
                              .peer_mac = "02:00:00:00:00:05"}));
  EXPECT_FALSE(links.add_veth({.name = "tv0", .peer_name = "eth0", .peer_netns = ns.get()}));
  links.set_master("tv0", "tb0");
  links.set_hairpin("tv0", true);
  links.set_up("tv0");
  Links inside(path);
  inside.add_address("eth0", "10.9.1.5/24");
  inside.set_up("eth0");
  EXPECT_EQ(inside.find("eth0")->mac, "02:00:00:00:00:05");
  EXPECT_EQ(inside.addresses("eth0").front(), "10.9.1.5/24");
  EXPECT_TRUE(inside.add_route({.destination = "default", .via = "10.9.1.1"}));
  EXPECT_FALSE(inside.add_route({.destination = "default", .via = "10.9.1.1"}));
  links.set_neighbour("tb0", "10.9.1.5", "02:00:00:00:00:05");
  EXPECT_TRUE(links.add_route({.destination = "10.9.0.0/16", .blackhole = true}));
  EXPECT_FALSE(links.add_route({.destination = "10.9.0.0/16", .blackhole = true}));

  const Fd listener = listen_tcp_socket_in(path, "10.9.1.5", 8080);
  const auto hello = run({.argv = {"bash", "-c", "exec 3<>/dev/tcp/10.9.1.5/8080 && echo there"}},
                         {.deadline = std::chrono::steady_clock::now() + seconds(5)});
  EXPECT_EQ(hello.out, "there\n") << hello.err;
  const auto hole = run({.argv = {"bash", "-c", "exec 3<>/dev/tcp/10.9.2.5/8080"}},
                        {.deadline = std::chrono::steady_clock::now() + seconds(5)});
  EXPECT_FALSE(hole.status.ok());

  EXPECT_EQ(links.list("t").size(), 2u);
  EXPECT_TRUE(links.remove_route({.destination = "10.9.0.0/16", .blackhole = true}));
  EXPECT_FALSE(links.remove_route({.destination = "10.9.0.0/16", .blackhole = true}));
  EXPECT_TRUE(links.remove("tv0"));
  EXPECT_FALSE(links.remove("tv0"));
  EXPECT_FALSE(inside.find("eth0"));
  links.remove("tb0");
}

TEST(ROOT_Nft, RunsTransactionsAndNamesErrors) {
  ONLY_IN_A_BOX();
  Nft nft;
  nft.run("add table inet slipwaytest\nadd set inet slipwaytest s { type ipv4_addr; }\n");
  EXPECT_TRUE(nft.table_exists("inet", "slipwaytest"));
  EXPECT_NE(nft.run("list table inet slipwaytest", true).find("\"slipwaytest\""),
            std::string::npos);
  try {
    nft.run("add rule inet slipwaytest absent accept");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::not_found) << e.what();
  }
  EXPECT_THROW(nft.run("add nonsense"), Error);
  nft.delete_table("inet", "slipwaytest");
  EXPECT_FALSE(nft.table_exists("inet", "slipwaytest"));
  nft.delete_table("inet", "slipwaytest");
  EXPECT_THROW(nft.delete_table("inet", "a; flush ruleset"), Error);
}

TEST(ROOT_Cgroups, LimitCountKillAndRemove) {
  ONLY_IN_A_BOX();
  const auto groups = Cgroups::detect();
  if (groups.layout() == CgroupLayout::none) GTEST_SKIP() << "no control groups are mounted";
  const std::string name = "slipwaytest-" + random_hex(6) + "/inner";
  const std::string top = name.substr(0, name.find('/'));
  groups.create(name,
                {.memory_bytes = 64u << 20, .cpu_quota_us = 50'000, .cpu_shares = 256, .pids = 20});
  groups.create(name, {.memory_bytes = 32u << 20, .memory_swap_bytes = 32 << 20});
  auto process = Process::spawn({.argv = {"sleep", "100"}});
  groups.add_process(name, process.pid());
  EXPECT_EQ(groups.processes(top), std::vector<int>{process.pid()});
  if (groups.has("memory")) {
    EXPECT_EQ(groups.usage(name).memory_limit_bytes, 32u << 20);
  }
  if (groups.has("pids")) {
    EXPECT_EQ(groups.usage(name).pids, 1u);
  }
  EXPECT_FALSE(groups.remove(top, milliseconds(20)));
  std::jthread reaper([&] { process.wait(); });  // a zombie counts as a member
  EXPECT_TRUE(groups.kill_all(top, std::chrono::steady_clock::now() + seconds(5)));
  EXPECT_TRUE(groups.remove(top));
  EXPECT_FALSE(groups.exists(top));
  EXPECT_TRUE(groups.remove(top));
}

}  // namespace
}  // namespace slipway::linux
