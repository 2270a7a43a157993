// Version 2's files, on folders that look like them: what is written where, and what is read.
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "linux/cgroups.h"
#include "linux/cgroups_impl.h"

namespace slipway::linux {
namespace {

class CgroupsV2 : public testing::Test {
 protected:
  CgroupsV2() {
    make_directories(top_ + "/slipway/one");
    for (const char* dir : {"", "/slipway", "/slipway/one"}) {
      put(std::string(dir) + "/cgroup.controllers", "cpuset cpu io memory pids\n");
      put(std::string(dir) + "/cgroup.subtree_control", "");
    }
    for (const char* file : {"memory.max", "memory.swap.max", "memory.low", "cpu.max", "cpu.weight",
                             "pids.max", "cpuset.cpus", "cpuset.mems", "io.weight"})
      put(std::string("/slipway/one/") + file, "");
  }
  ~CgroupsV2() override { remove_tree(top_); }

  void put(const std::string& path, const std::string& text) { write_file(top_ + path, text); }
  std::string got(const std::string& file) { return read_file(top_ + "/slipway/one/" + file); }
  Cgroups groups() {
    return Cgroups::detect("29 25 0:26 / " + top_ + " rw - cgroup2 cgroup2 rw,nsdelegate\n");
  }

  const std::string top_ = "/tmp/slipway-cgroups-" + random_hex(8);
};

TEST_F(CgroupsV2, LimitsOfANewGroupAreWrittenInVersionTwosTerms) {
  ASSERT_EQ(groups().layout(), CgroupLayout::v2);
  groups().create("slipway/one", {.memory_bytes = 512u << 20,
                                  .memory_swap_bytes = 512 << 20,
                                  .cpu_quota_us = 25'000,
                                  .cpu_shares = 256,
                                  .pids = 30});
  EXPECT_EQ(got("memory.max"), "536870912");
  EXPECT_EQ(got("memory.swap.max"), "0");  // memory plus swap was said, nothing is left for swap
  EXPECT_EQ(got("cpu.max"), "25000 100000");
  EXPECT_EQ(got("cpu.weight"), "10");
  EXPECT_EQ(got("pids.max"), "30");
}

TEST_F(CgroupsV2, ControllersArePassedOnByEveryGroupAboveButNotByTheGroupItself) {
  groups().create("slipway/one");
  EXPECT_TRUE(read_file(top_ + "/cgroup.subtree_control").starts_with("+"));
  EXPECT_TRUE(read_file(top_ + "/slipway/cgroup.subtree_control").starts_with("+"));
  EXPECT_EQ(got("cgroup.subtree_control"), "");
}

TEST_F(CgroupsV2, WhatIsPassedOnAlreadyIsNotWrittenAgain) {
  put("/cgroup.subtree_control", "cpuset cpu io memory pids\n");
  groups().create("slipway/one");
  EXPECT_EQ(read_file(top_ + "/cgroup.subtree_control"), "cpuset cpu io memory pids\n");
}

// Nothing is passed on beside processes: the kernel would make the children groups of threads.
TEST_F(CgroupsV2, AGroupWithProcessesPassesNothingOn) {
  put("/slipway/cgroup.type", "domain\n");
  put("/slipway/cgroup.procs", "77\n");
  groups().create("slipway/one");
  EXPECT_EQ(read_file(top_ + "/slipway/cgroup.subtree_control"), "");
  EXPECT_TRUE(read_file(top_ + "/cgroup.subtree_control").starts_with("+"));
}

TEST_F(CgroupsV2, TheTopOfANamespaceIsOpenedOnlyWhereItsProcessesCanBeMoved) {
  put("/cgroup.type", "domain\n");
  put("/cgroup.procs", "0\n");  // of an outer pid namespace
  groups().open_top("slipway");
  EXPECT_EQ(read_file(top_ + "/cgroup.subtree_control"), "");
  put("/cgroup.procs", "");
  groups().open_top("slipway");
  EXPECT_TRUE(read_file(top_ + "/cgroup.subtree_control").starts_with("+"));
  EXPECT_TRUE(read_file(top_ + "/slipway/cgroup.subtree_control").starts_with("+"));
}

TEST_F(CgroupsV2, TheTopIsNotGivenBackWhileOthersUseIt) {
  make_directories(top_ + "/slipway-init");
  put("/cgroup.subtree_control", "memory\n");
  groups().give_back_top();  // "slipway" is there
  EXPECT_EQ(read_file(top_ + "/cgroup.subtree_control"), "memory\n");
}

TEST_F(CgroupsV2, UsageAndDetailsAreRead) {
  put("/slipway/one/memory.current", "5000\n");
  put("/slipway/one/memory.peak", "7000\n");
  put("/slipway/one/memory.max", "max\n");
  put("/slipway/one/memory.stat", "anon 3000\ninactive_file 1200\nfile 2000\n");
  put("/slipway/one/memory.events", "low 0\nhigh 0\nmax 3\noom 0\noom_kill 2\n");
  put("/slipway/one/cpu.stat",
      "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\nnr_throttled 2\n"
      "throttled_usec 7\n");
  put("/slipway/one/pids.current", "9\n");
  put("/slipway/one/pids.max", "50\n");
  put("/slipway/one/io.stat",
      "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n"
      "253:1 \nbroken\n");
  const auto usage = groups().usage("slipway/one");
  EXPECT_EQ(usage.memory_bytes, 5000u);
  EXPECT_EQ(usage.memory_limit_bytes, 0u);
  EXPECT_EQ(usage.memory_cache_bytes, 1200u);
  EXPECT_EQ(usage.cpu_ns, 30'000u);
  EXPECT_EQ(usage.pids, 9u);
  EXPECT_EQ(usage.oom_kills, 2u);
  EXPECT_EQ(groups().oom_kills("slipway/gone"), 0u);
  const auto details = groups().details("slipway/one");
  EXPECT_EQ(details.memory_stat.at("inactive_file"), 1200u);
  EXPECT_EQ(details.pids_limit, 50u);
  EXPECT_EQ(details.throttled_ns, 7000u);
  EXPECT_EQ(details.memory_failures, 3u);
  ASSERT_EQ(details.io_bytes.size(), 2u);
  EXPECT_EQ(details.io_bytes[1].operation, "write");
  EXPECT_EQ(details.io_bytes[1].value, 8192u);
  EXPECT_EQ(details.io_operations[0].value, 1u);
}

TEST_F(CgroupsV2, ChangesLeaveWhatWasNotSaid) {
  put("/slipway/one/cpu.max", "max 50000\n");
  groups().change("slipway/one", {.cpu_quota_us = 20'000});
  EXPECT_TRUE(got("cpu.max").starts_with("20000 50000"));
  EXPECT_EQ(got("memory.max"), "");
  groups().change("slipway/one", {.memory_bytes = 100, .memory_swap_bytes = 300, .pids = -1});
  EXPECT_EQ(got("memory.max"), "100");
  EXPECT_EQ(got("memory.swap.max"), "200");
  EXPECT_EQ(got("pids.max"), "max");
}

TEST_F(CgroupsV2, WeightsOfBlockIoAreConverted) {
  EXPECT_EQ(cgroup_files::io_weight_of_blkio(10), 1u);
  EXPECT_EQ(cgroup_files::io_weight_of_blkio(1000), 10'000u);
  groups().change("slipway/one", {.blkio_weight = 500});
  EXPECT_EQ(got("io.weight"), "default 4950");
  put("/slipway/one/io.bfq.weight", "");
  groups().change("slipway/one", {.blkio_weight = 300});
  EXPECT_EQ(got("io.bfq.weight"), "300");
}

TEST_F(CgroupsV2, ASettingIsKnownBeforeItsControllerIsPassedOn) {
  EXPECT_TRUE(groups().has_setting("memory", "memory.swap.max"));
  EXPECT_FALSE(groups().has_setting("rdma", "rdma.max"));
  put("/cgroup.subtree_control", "memory\n");
  EXPECT_FALSE(groups().has_setting("memory", "memory.swap.max"));  // no swap in this kernel
  put("/slipway/memory.swap.max", "max\n");
  EXPECT_TRUE(groups().has_setting("memory", "memory.swap.max"));
}

TEST(CgroupsDetect, TheUsualPlaceWinsOverOtherMountsOfVersionTwo) {
  const auto groups = Cgroups::detect(
      "29 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
      "99 25 0:26 / /run/other/cgroup rw - cgroup2 none rw\n");
  EXPECT_EQ(groups.directory("a"), "/sys/fs/cgroup/a");
}

}  // namespace
}  // namespace slipway::linux
