// The pure parts of a container's options: system calls, devices, limits, statistics, log options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/json.h"
#include "container/devices.h"
#include "container/host_check.h"
#include "container/limits.h"
#include "container/oci_spec.h"
#include "container/seccomp.h"
#include "container/stats.h"

namespace slipway::container {
namespace {

using testing::HasSubstr;
using testing::Not;

// What a filter does with a call that has no argument rule: its action, or the default's.
std::string action_of(const Json& filter, const std::string& call) {
  for (const Json& rule : filter["syscalls"]) {
    const auto names = rule["names"].get<std::vector<std::string>>();
    if (std::find(names.begin(), names.end(), call) == names.end() || rule.contains("args"))
      continue;
    const std::string action = rule["action"];
    return action == "SCMP_ACT_ERRNO" ? fmt::format("errno {}", rule["errnoRet"].get<int>())
                                      : action;
  }
  return fmt::format("default {}", filter.value("defaultErrnoRet", 0));
}

TEST(Seccomp, is_an_allow_list_that_capabilities_extend) {
  const Json plain = build_seccomp({});
  EXPECT_EQ(plain["defaultAction"], "SCMP_ACT_ERRNO");
  EXPECT_EQ(action_of(plain, "openat"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_of(plain, "mount"), "errno 1");
  EXPECT_EQ(action_of(plain, "keyctl"), "errno 1");
  EXPECT_EQ(action_of(plain, "chroot"), "errno 1");
  EXPECT_EQ(action_of(plain, "clone3"), "errno 38");
  EXPECT_EQ(action_of(plain, "a_call_of_tomorrow"), "default 38");
  const Json admin = build_seccomp({"CAP_SYS_ADMIN", "CAP_SYS_CHROOT"});
  EXPECT_EQ(action_of(admin, "mount"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_of(admin, "chroot"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_of(admin, "clone3"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_of(admin, "keyctl"), "errno 1");
  EXPECT_EQ(action_of(build_seccomp({"CAP_BPF"}), "bpf"), "SCMP_ACT_ALLOW");
}

TEST(Seccomp, no_call_is_both_allowed_and_refused) {
  for (const auto& capabilities : std::vector<std::vector<std::string>>{
           {}, {"CAP_SYS_ADMIN"}, {"CAP_BPF", "CAP_PERFMON", "CAP_SYSLOG"}}) {
    const Json filter = build_seccomp(capabilities);
    const auto allowed = filter["syscalls"][0]["names"].get<std::set<std::string>>();
    for (const Json& name : filter["syscalls"][1]["names"])
      EXPECT_FALSE(allowed.contains(name.get<std::string>())) << name;
  }
}

TEST(Seccomp, a_users_profile_is_read_with_its_conditions) {
  const Json out = convert_seccomp(
      R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,
          "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]},
                     {"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]}],
          "syscalls":[
            {"names":["read"],"action":"SCMP_ACT_ALLOW"},
            {"name":"write","action":"SCMP_ACT_ALLOW"},
            {"names":["mount"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN"]}},
            {"names":["chroot"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_CHROOT"]}},
            {"names":["ptrace"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8"}},
            {"names":["later"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"99.0"}},
            {"names":["other"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["s390x"]}},
            {"names":["kill"],"action":"SCMP_ACT_ERRNO","errnoRet":5}]})",
      {"CAP_SYS_CHROOT"});
  EXPECT_EQ(out["architectures"].size(), 2u);
  EXPECT_EQ(action_of(out, "read"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_of(out, "write"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_of(out, "ptrace"), "SCMP_ACT_ALLOW");
  EXPECT_EQ(action_of(out, "kill"), "errno 5");
  for (const char* left_out : {"mount", "chroot", "later", "other"})
    EXPECT_EQ(action_of(out, left_out), "default 1") << left_out;
}

TEST(Seccomp, a_malformed_profile_is_refused) {
  for (
      const char* bad :
      {"", "[]", "{", R"({"syscalls":[]})", R"({"defaultAction":5})",
       R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}})",
       R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[1]})",
       R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["a"]}]})",
       R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[1],"action":"x"}]})",
       R"({"defaultAction":"A","syscalls":[{"name":"a","names":["b"],"action":"x"}]})",
       R"({"defaultAction":"A","syscalls":[{"name":"a","action":"x","includes":{"minKernel":"new"}}]})"})
    EXPECT_THROW(convert_seccomp(bad, {}), Error) << bad;
}

TEST(Devices, are_found_with_their_numbers) {
  const auto null = find_device({"/dev/null", "/dev/mine", "rw"});
  ASSERT_EQ(null.size(), 1u);
  EXPECT_EQ(null[0].path, "/dev/mine");
  EXPECT_EQ(null[0].type, 'c');
  EXPECT_EQ(null[0].major, 1u);
  EXPECT_EQ(null[0].minor, 3u);
  EXPECT_THROW(find_device({"/dev/nothing-here", "", "rwm"}), Error);
  EXPECT_THROW(find_device({"/etc/passwd", "", "rwm"}), Error);
  EXPECT_THROW(find_device({"/dev/null", "relative", "rwm"}), Error);
  EXPECT_THROW(find_device({"/dev/null", "", "rwx"}), Error);
}

TEST(Devices, rules_are_checked) {
  const Json rule = device_rule("c 1:* rm");
  EXPECT_EQ(rule["major"], 1);
  EXPECT_FALSE(rule.contains("minor"));
  for (const char* bad : {"", "c 1:3", "x 1:3 r", "c 1 r", "c a:3 r", "c 1:3 x", "c 1:-3 r"})
    EXPECT_THROW(device_rule(bad), Error) << bad;
}

TEST(Limits, that_make_no_sense_are_refused) {
  const auto refused = [](const std::function<void(Spec&)>& change) {
    Spec spec;
    change(spec);
    try {
      check_limits(spec, 2);
    } catch (const Error& e) {
      return e.kind() == Kind::invalid_argument;
    }
    return false;
  };
  EXPECT_FALSE(refused([](Spec& s) { s.memory_bytes = 64 << 20; }));
  EXPECT_TRUE(refused([](Spec& s) { s.memory_bytes = 4096; }));
  EXPECT_TRUE(refused([](Spec& s) { s.memory_swap_bytes = 64 << 20; }));
  EXPECT_TRUE(refused([](Spec& s) {
    s.memory_bytes = 64 << 20;
    s.memory_swap_bytes = 32 << 20;
  }));
  EXPECT_TRUE(refused([](Spec& s) { s.nano_cpus = 3'000'000'000; }));
  EXPECT_TRUE(refused([](Spec& s) { s.host.cpuset_cpus = "0-"; }));
  EXPECT_TRUE(refused([](Spec& s) { s.host.cpuset_cpus = "8000"; }));
  EXPECT_FALSE(refused([](Spec& s) { s.host.cpuset_cpus = "0"; }));
  EXPECT_TRUE(refused([](Spec& s) { s.host.memory_swappiness = 101; }));
  EXPECT_TRUE(refused([](Spec& s) { s.host.blkio_weight = 5; }));
  EXPECT_TRUE(refused([](Spec& s) { s.ulimits = {{"nofiles", 1, 1}}; }));
  EXPECT_TRUE(refused([](Spec& s) { s.ulimits = {{"nofile", 2, 1}}; }));
}

TEST(Limits, ulimits_are_cut_to_what_the_daemon_has) {
  std::vector<Ulimit> limits = {{"nofile", int64_t{1} << 40, int64_t{1} << 40}, {"nofile", 5, 6}};
  EXPECT_EQ(cut_ulimits(limits, false).size(), 1u);
  EXPECT_LT(limits[0].hard, int64_t{1} << 40);
  EXPECT_EQ(limits[0].soft, limits[0].hard);
  EXPECT_EQ(limits[1].hard, 6);
  limits[0].hard = int64_t{1} << 40;
  EXPECT_TRUE(cut_ulimits(limits, true).empty());
}

TEST(Limits, an_update_keeps_what_it_does_not_name) {
  Spec before;
  before.memory_bytes = 64 << 20;
  before.memory_swap_bytes = 128 << 20;
  before.pids_limit = 5;
  Changes changes;
  changes.cpu_shares = 512;
  changes.pids_limit = -1;
  const Spec after = apply_changes(before, changes);
  EXPECT_EQ(after.memory_bytes, 64u << 20);
  EXPECT_EQ(after.cpu_shares, 512);
  EXPECT_EQ(after.pids_limit, -1);
  changes.memory_bytes = 256 << 20;
  EXPECT_THROW(apply_changes(before, changes), Error) << "above memory and swap together";
  before.auto_remove = true;
  EXPECT_THROW(apply_changes(before, {.restart_policy = "always"}), Error);
}

TEST(Limits, cpu_lists) {
  EXPECT_EQ(parse_cpu_list("0-2,5"), (std::set<int>{0, 1, 2, 5}));
  for (const char* bad : {"", "a", "1-", "-1", "2-1", "1,,2", "0-99999"})
    EXPECT_FALSE(parse_cpu_list(bad)) << bad;
}

TEST(LogOptions, sizes_and_files) {
  Spec spec;
  EXPECT_EQ(log_limits(spec).max_size, 0u);
  spec.host.log_options = {{"max-size", "10k"}, {"max-file", "3"}};
  EXPECT_EQ(log_limits(spec).max_size, 10240u);
  EXPECT_EQ(log_limits(spec).max_files, 3);
  for (const auto& bad :
       std::vector<std::map<std::string, std::string>>{{{"max-size", "big"}},
                                                       {{"max-size", "0"}},
                                                       {{"max-file", "2"}},
                                                       {{"max-size", "1k"}, {"max-file", "0"}},
                                                       {{"nonsense", "1"}},
                                                       {{"mode", "x"}}}) {
    spec.host.log_options = bad;
    EXPECT_THROW(log_limits(spec), Error) << bad.begin()->first;
  }
  spec.host.log_options.clear();
  spec.log_driver = "local";
  EXPECT_EQ(log_limits(spec).max_files, 5);
  EXPECT_EQ(parse_size("2gb"), 2ull << 30);
  EXPECT_EQ(parse_size("1MiB"), 1u << 20);
  for (const char* text : {"", "k", "1x", "-1", "1kk", "99999999999999999999"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Stats, network_counters_and_the_machines_time) {
  const auto net = parse_net_dev(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
      "    lo: 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n"
      "  eth0: 100 2 0 1 0 0 0 0 50 3 4 5 0 0 0 0\n"
      "  eth1:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n"
      " bad: 1 x\n");
  ASSERT_EQ(net.size(), 2u);
  EXPECT_EQ(net.at("eth0").rx_bytes, 100u);
  EXPECT_EQ(net.at("eth0").tx_bytes, 50u);
  EXPECT_EQ(net.at("eth0").tx_dropped, 5u);
  EXPECT_EQ(net.at("eth1").rx_bytes, 7u);
  EXPECT_EQ(parse_system_cpu("cpu  100 0 50 850 0 0 0 5 0 0\ncpu0 1\n"), 10'000'000'000u);
  EXPECT_EQ(parse_system_cpu("nonsense"), 0u);
}

TEST(HostOptions, modes_are_checked) {
  const auto refused = [](const std::function<void(Spec&)>& change) {
    Spec spec;
    change(spec);
    try {
      check_host_options(spec);
    } catch (const Error&) {
      return true;
    }
    return false;
  };
  EXPECT_FALSE(refused([](Spec& s) { s.host.pid_mode = "container:abc"; }));
  EXPECT_TRUE(refused([](Spec& s) { s.host.pid_mode = "container:"; }));
  EXPECT_TRUE(refused([](Spec& s) { s.host.pid_mode = "hots"; }));
  EXPECT_FALSE(refused([](Spec& s) { s.host.ipc_mode = "shareable"; }));
  EXPECT_TRUE(refused([](Spec& s) { s.host.uts_mode = "container:abc"; }));
  EXPECT_TRUE(refused([](Spec& s) { s.host.userns_mode = "private"; }));
  EXPECT_TRUE(refused([](Spec& s) { s.host.runtime = "kata"; }));
  EXPECT_TRUE(refused([](Spec& s) {
    s.host.uts_mode = "host";
    s.hostname = "mine";
  }));
}

}  // namespace
}  // namespace slipway::container
