// Parts that need no privileges: parsing, arithmetic, names.
#include <gtest/gtest.h>

#include "base/error.h"
#include "linux/caps.h"
#include "linux/cgroups.h"
#include "linux/ip6.h"
#include "linux/links.h"
#include "linux/mounts.h"

namespace slipway::linux {
namespace {

TEST(Mountinfo, DecodesEscapesAndOptionalFields) {
  const auto entries = parse_mountinfo(
      "36 35 98:0 / /mnt/a\\040b rw,noatime shared:1 master:2 - ext4 /dev/root rw\n"
      "37 35 0:5 /sub /x ro - tmpfs none rw,size=1k\n"
      "garbage\n"
      "38 35 0:5 / /y rw - \n");
  ASSERT_EQ(entries.size(), 2u);
  EXPECT_EQ(entries[0].target, "/mnt/a b");
  EXPECT_EQ(entries[0].type, "ext4");
  EXPECT_EQ(entries[1].root, "/sub");
  EXPECT_EQ(entries[1].super_options, "rw,size=1k");
}

TEST(Mountinfo, PrefixMeansWholeComponents) {
  for (const auto& entry : list_mounts("/proc"))
    EXPECT_TRUE(entry.target == "/proc" || entry.target.starts_with("/proc/")) << entry.target;
  EXPECT_TRUE(is_mount_point("/proc"));
  EXPECT_FALSE(is_mount_point("/pro"));
}

TEST(Cidr, ComputesAddresses) {
  const auto range = Cidr4::parse("10.1.2.3/20");
  EXPECT_EQ(range.text(), "10.1.0.0/20");
  EXPECT_EQ(range.host(1), "10.1.0.1");
  EXPECT_TRUE(range.contains(parse_ipv4("10.1.15.255")));
  EXPECT_FALSE(range.contains(parse_ipv4("10.1.16.0")));
  EXPECT_THROW(Cidr4::parse("10.1.2.3/33"), Error);
  EXPECT_THROW(Cidr4::parse("10.1.2/8"), Error);
  EXPECT_THROW(range.host(4096), Error);
  EXPECT_EQ(Cidr4::parse("0.0.0.0/0").text(), "0.0.0.0/0");
}

TEST(Cidr6, ComputesAddresses) {
  const auto range = Cidr6::parse("fd00:1:0:0:5::9/64");
  EXPECT_EQ(range.text(), "fd00:1::/64");
  EXPECT_EQ(range.network.plus(2).text(), "fd00:1::2");
  EXPECT_EQ(range.last().text(), "fd00:1::ffff:ffff:ffff:ffff");
  EXPECT_TRUE(range.contains(Ip6::parse("fd00:1::1:2:3:4")));
  EXPECT_FALSE(range.contains(Ip6::parse("fd00:1:0:1::")));
  EXPECT_EQ(Cidr6::parse("fd00::ff/124").last().text(), "fd00::ff");
  EXPECT_TRUE(Cidr6::parse("::/0").contains(Ip6::parse("ffff::")));
  EXPECT_EQ(Ip6::parse("fd00::ffff:ffff:ffff:ffff").plus(1).text(), "fd00:0:0:1::");
  EXPECT_EQ(Ip6::from_bytes(Ip6::parse("1:2:3:4:5:6:7:8").bytes()).text(), "1:2:3:4:5:6:7:8");
  for (const char* wrong : {"fd00::/129", "fd00::/", "10.0.0.0/8", "fd00::1%eth0", "", "fd00::/-1"})
    EXPECT_THROW(Cidr6::parse(wrong), Error) << wrong;
}

TEST(Capabilities, HaveNamesAndNumbers) {
  EXPECT_STREQ(capability_name(0), "CAP_CHOWN");
  EXPECT_STREQ(capability_name(40), "CAP_CHECKPOINT_RESTORE");
  EXPECT_EQ(capability_name(41), nullptr);
  EXPECT_EQ(capability_number("net_admin"), 12);
  EXPECT_EQ(capability_number("CAP_SYS_PTRACE"), 19);
  EXPECT_FALSE(capability_number("everything"));
  EXPECT_EQ(capability_names(0b101),
            (std::vector<std::string>{"CAP_CHOWN", "CAP_DAC_READ_SEARCH"}));
}

TEST(Sysctl, RefusesPathsThatAreNone) {
  EXPECT_THROW(read_sysctl("../../etc/passwd"), Error);
  EXPECT_THROW(read_sysctl("/etc/passwd"), Error);
  EXPECT_FALSE(read_sysctl("kernel.ostype").empty());
}

constexpr const char* hybrid =
    "25 20 0:22 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "26 25 0:23 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "27 25 0:24 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "28 25 0:25 /docker/1 /elsewhere/memory rw - cgroup cgroup rw,memory\n"
    "29 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

TEST(Cgroups, FindsWhatIsMounted) {
  const auto groups = Cgroups::detect(hybrid);
  EXPECT_EQ(groups.layout(), CgroupLayout::hybrid);
  EXPECT_TRUE(groups.has("cpuacct"));
  EXPECT_FALSE(groups.has("pids"));
  EXPECT_EQ(groups.directory("/a/b", "memory"), "/sys/fs/cgroup/memory/a/b");
  EXPECT_EQ(groups.directory("a"), "/sys/fs/cgroup/unified/a");
  const auto v2 = Cgroups::detect("29 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  EXPECT_EQ(v2.layout(), CgroupLayout::v2);
  EXPECT_EQ(v2.directory("a", "memory"), "/sys/fs/cgroup/a");
  EXPECT_EQ(Cgroups::detect("").layout(), CgroupLayout::none);
}

TEST(Cgroups, RefusesPathsThatClimb) {
  const auto groups = Cgroups::detect(hybrid);
  EXPECT_THROW(groups.directory("a/../b"), Error);
  EXPECT_THROW(groups.directory(""), Error);
  EXPECT_THROW(groups.remove("../system"), Error);
}

TEST(LinkNames, AreChecked) {
  Links links;
  EXPECT_THROW(links.find("sixteen-letters!"), Error);
  EXPECT_THROW(links.find("a/b"), Error);
  EXPECT_TRUE(links.find("lo"));
  EXPECT_FALSE(links.find("no-such-link"));
}

}  // namespace
}  // namespace slipway::linux
