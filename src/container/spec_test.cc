// Pure parts: OCI configuration, accounts, names, health states, network texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/json.h"
#include "container/accounts.h"
#include "container/health.h"
#include "container/names.h"
#include "container/network.h"
#include "container/oci_spec.h"
#include "container/record.h"
#include "container/runtime.h"
#include "linux/caps.h"

namespace slipway::container {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kPasswd =
    "# comment\nroot:x:0:0:root:/root:/bin/sh\nbroken\napp:x:7:8::/home/app:/bin/sh\n"
    "5:x:50:51::/five:/bin/sh\n";
constexpr std::string_view kGroup = "root:x:0:\nteam:x:9:other,app\nstaff:x:8:app\n";

std::string error_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Accounts, a_name_gives_ids_home_and_groups) {
  const Identity who = resolve_user("app", kPasswd, kGroup);
  EXPECT_EQ(who.uid, 7u);
  EXPECT_EQ(who.gid, 8u);
  EXPECT_EQ(who.home, "/home/app");
  EXPECT_THAT(who.additional_gids, ElementsAre(8u, 9u));
}

TEST(Accounts, no_user_means_root) {
  EXPECT_EQ(resolve_user("", kPasswd, kGroup).home, "/root");
  EXPECT_EQ(resolve_user("", "", "").home, "/");
}

TEST(Accounts, numbers_need_no_entry) {
  const Identity who = resolve_user("1234:77", "", "");
  EXPECT_EQ(who.uid, 1234u);
  EXPECT_EQ(who.gid, 77u);
  EXPECT_EQ(resolve_user("7", kPasswd, kGroup).home, "/home/app");
  EXPECT_EQ(resolve_user("1234", kPasswd, kGroup).gid, 0u);
}

TEST(Accounts, a_numeric_name_wins_over_the_number) {
  EXPECT_EQ(resolve_user("5", kPasswd, kGroup).uid, 50u);
}

TEST(Accounts, unknown_names_are_refused_in_dockers_words) {
  EXPECT_EQ(error_of([] { resolve_user("nobody", kPasswd, kGroup); }),
            "unable to find user nobody: no matching entries in passwd file");
  EXPECT_EQ(error_of([] { resolve_user("app:none", kPasswd, kGroup); }),
            "unable to find group none: no matching entries in group file");
  EXPECT_NE(error_of([] { resolve_user("-1", kPasswd, kGroup); }), "no error");
  EXPECT_NE(error_of([] { resolve_user("4294967296", kPasswd, kGroup); }), "no error");
}

struct Built {
  Spec spec;
  image::Config config;
  Json operator()() {
    OciInput input{.spec = spec,
                   .config = config,
                   .command = resolve_command(spec, config),
                   .id = "id",
                   .rootfs = "/r",
                   .hostname = "box",
                   .identity = {},
                   .netns_path = netns_path,
                   .hosts_path = "/h",
                   .hostname_path = "/n",
                   .resolv_path = "/v",
                   .mounts = mounts,
                   .cgroups_path = "/slipway/id",
                   .init_path = "",
                   .capability_bound = ~uint64_t{0},
                   .cgroup_v2 = cgroup_v2};
    return build_oci_spec(input);
  }
  bool cgroup_v2 = false;
  std::vector<ResolvedMount> mounts;
  std::string netns_path = "/run/ns";
};

TEST(Namespaces, cgroups_have_one_by_default_on_version_2_and_as_asked_for_elsewhere) {
  Built build;
  build.spec.cmd = {"true"};
  const auto own = [&] {
    const Json made = build();
    for (const Json& entry : made["linux"]["namespaces"]) {
      if (entry["type"] == "cgroup") return true;
    }
    return false;
  };
  EXPECT_FALSE(own());
  build.spec.host.cgroupns_mode = "private";
  EXPECT_TRUE(own());
  build.cgroup_v2 = true;
  build.spec.host.cgroupns_mode = "host";
  EXPECT_FALSE(own());
  build.spec.host.cgroupns_mode.clear();
  EXPECT_TRUE(own());
  build.spec.privileged = true;  // as Docker: these too
  EXPECT_TRUE(own());
}

TEST(Command, entrypoint_and_cmd_combine_as_in_docker) {
  image::Config config;
  config.entrypoint = {"/entry", "-x"};
  config.cmd = {"a"};
  Spec spec;
  const auto words = [&] {
    const Command command = resolve_command(spec, config);
    std::vector<std::string> out = {command.path};
    out.insert(out.end(), command.args.begin(), command.args.end());
    return out;
  };
  EXPECT_THAT(words(), ElementsAre("/entry", "-x", "a"));
  spec.cmd = {"b"};
  EXPECT_THAT(words(), ElementsAre("/entry", "-x", "b"));
  spec.cmd.clear();
  spec.entrypoint = {"/own"};
  EXPECT_THAT(words(), ElementsAre("/own"));
  spec.entrypoint = {""};
  EXPECT_EQ(error_of([&] { words(); }), "no command specified");
  spec.cmd = {"c"};
  EXPECT_THAT(words(), ElementsAre("c"));
}

TEST(Environment, later_values_win_and_home_is_added) {
  Spec spec;
  image::Config config;
  config.env = {"A=1", "B=2", "PATH=/only"};
  spec.env = {"A=3", "B"};
  EXPECT_THAT(resolve_environment(spec, config, "box", "/home/app"),
              ElementsAre("PATH=/only", "HOSTNAME=box", "A=3", "HOME=/home/app"));
}

TEST(OciSpec, sets_what_was_asked_for) {
  Built built;
  built.spec.cmd = {"run"};
  built.spec.memory_bytes = 1 << 20;
  built.spec.nano_cpus = 1'500'000'000;
  built.spec.pids_limit = 9;
  built.spec.read_only_root = true;
  built.spec.working_dir = "/w";
  built.spec.ulimits = {{"nofile", 10, 20}};
  const Json json = built();
  EXPECT_EQ(json["linux"]["resources"]["memory"]["limit"], 1 << 20);
  EXPECT_EQ(json["linux"]["resources"]["cpu"]["quota"], 150'000);
  EXPECT_EQ(json["linux"]["resources"]["pids"]["limit"], 9);
  EXPECT_EQ(json["root"]["readonly"], true);
  EXPECT_EQ(json["process"]["cwd"], "/w");
  EXPECT_EQ(json["process"]["rlimits"][0]["type"], "RLIMIT_NOFILE");
}

TEST(OciSpec, sets_no_rlimit_of_its_own) {
  Built built;
  built.spec.cmd = {"run"};
  EXPECT_FALSE(built()["process"].contains("rlimits"));
}

TEST(OciSpec, the_hosts_network_takes_no_network_settings) {
  Built built;
  built.spec.cmd = {"x"};
  built.netns_path.clear();
  const Json json = built();
  EXPECT_TRUE(json["linux"]["sysctl"].empty());
  for (const Json& entry : json["linux"]["namespaces"]) EXPECT_NE(entry["type"], "network");
}

TEST(OciSpec, refuses_sysctls_that_would_reach_the_host) {
  Built built;
  built.spec.cmd = {"x"};
  built.spec.sysctls = {{"vm.swappiness", "1"}};
  EXPECT_THAT(error_of([&] { built(); }), HasSubstr("vm.swappiness"));
  for (const char* name : {"net.x/../../kernel.core_pattern", "net...kernel.core_pattern"}) {
    built.spec.sysctls = {{name, "|/evil"}};
    EXPECT_THROW(built(), Error) << name;
  }
  built.spec.sysctls = {{"net.core.somaxconn", "99"}};
  EXPECT_EQ(built()["linux"]["sysctl"]["net.core.somaxconn"], "99");
}

TEST(OciSpec, the_users_mount_replaces_a_default_and_parents_come_first) {
  Built built;
  built.spec.cmd = {"x"};
  built.mounts = {{"bind", "", "/s/deep", "/a/b", "", false, false, {}},
                  {"tmpfs", "", "tmpfs", "/a", "", false, false, {"size=1m"}},
                  {"bind", "", "/s/hosts", "/etc/hosts", "", true, false, {}},
                  {"bind", "", "/s/shm", "/dev/shm", "", false, false, {}}};
  const Json json = built();
  std::map<std::string, int> seen;
  int position = 0;
  std::map<std::string, int> order;
  for (const Json& mount : json["mounts"]) {
    ++seen[mount["destination"]];
    order[mount["destination"]] = position++;
  }
  EXPECT_EQ(seen["/etc/hosts"], 1);
  EXPECT_EQ(seen["/dev/shm"], 1);
  EXPECT_LT(order["/a"], order["/a/b"]);
}

TEST(Capabilities, are_dockers_set_cut_to_the_bound) {
  const auto all = ~uint64_t{0};
  EXPECT_EQ(resolve_capabilities({}, {}, false, all).size(), 14u);
  EXPECT_THAT(resolve_capabilities({"sys_admin"}, {"CAP_MKNOD"}, false, all),
              testing::AllOf(Contains("CAP_SYS_ADMIN"), Not(Contains("CAP_MKNOD"))));
  EXPECT_TRUE(resolve_capabilities({}, {"ALL"}, false, all).empty());
  EXPECT_THAT(resolve_capabilities({"chown"}, {"all"}, false, all), ElementsAre("CAP_CHOWN"));
  const uint64_t bound = ~(uint64_t{1} << *linux::capability_number("CAP_SYS_RESOURCE"));
  EXPECT_THAT(resolve_capabilities({"ALL"}, {}, false, bound), Not(Contains("CAP_SYS_RESOURCE")));
  EXPECT_THAT(error_of([&] { resolve_capabilities({"fly"}, {}, false, all); }), HasSubstr("fly"));
}

TEST(Capabilities, a_user_that_is_not_root_gets_none_effective) {
  Built built;
  built.spec.cmd = {"x"};
  ExecSpec exec;
  exec.cmd = {"y"};
  const Json process = build_exec_process(built()["process"], exec, Identity{5, 5, {}, "/"}, 0);
  EXPECT_TRUE(process["capabilities"]["effective"].empty());
  EXPECT_FALSE(process["capabilities"]["bounding"].empty());
}

TEST(Names, signals_have_many_spellings) {
  EXPECT_EQ(parse_signal("TERM"), 15);
  EXPECT_EQ(parse_signal("sigkill"), 9);
  EXPECT_EQ(parse_signal("10"), 10);
  EXPECT_EQ(parse_signal("SIGRTMIN+3"), 37);
  for (const char* bad : {"", "0", "65", "-9", "NOPE", "RTMIN+", "RTMIN+31", "RTMINx"})
    EXPECT_FALSE(parse_signal(bad)) << bad;
}

TEST(Names, container_names_follow_dockers_rule) {
  EXPECT_NO_THROW(check_container_name("web_1.a-b"));
  for (const char* bad : {"a", "", "-web", "we b", "w/b", "../x"})
    EXPECT_THROW(check_container_name(bad), Error) << bad;
  EXPECT_NO_THROW(check_container_name(random_name()));
}

TEST(RuntimeErrors, of_both_runtimes_read_as_dockers) {
  const std::string crun = describe_runtime_error(
      "executable file `nosuch` not found in $PATH: No such file or directory\n", "nosuch");
  EXPECT_THAT(crun, HasSubstr("exec: \"nosuch\": executable file not found in $PATH: unknown"));
  EXPECT_EQ(exit_code_of_start_error(crun), 127);
  const std::string runc = describe_runtime_error(
      "time=\"2026\" level=error msg=\"runc create failed: unable to start container process: "
      "exec: "
      "\\\"/etc\\\": permission denied\"\n",
      "/etc");
  EXPECT_THAT(runc,
              HasSubstr("unable to start container process: exec: \"/etc\": permission denied"));
  EXPECT_EQ(exit_code_of_start_error(runc), 126);
  EXPECT_EQ(exit_code_of_start_error(describe_runtime_error("out of cheese", "x")), 128);
}

TEST(Health, counts_failures_and_forgives_the_start_period) {
  State state;
  state.health = "starting";
  note_probe(state, false, true, 2);
  EXPECT_EQ(state.health_failing_streak, 0);
  note_probe(state, false, false, 2);
  EXPECT_EQ(state.health, "starting");
  note_probe(state, false, false, 2);
  EXPECT_EQ(state.health, "unhealthy");
  note_probe(state, true, false, 2);
  EXPECT_EQ(state.health, "healthy");
  EXPECT_EQ(state.health_failing_streak, 0);
  note_probe(state, false, true, 1);
  EXPECT_EQ(state.health, "unhealthy");
}

TEST(Health, merges_the_containers_check_over_the_images) {
  image::HealthCheck of_image{{"CMD", "probe"}, 5, 6, 7, 8}, own;
  own.interval_ns = 9;
  const auto merged = effective_check(own, of_image);
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->test[1], "probe");
  EXPECT_EQ(merged->interval_ns, 9);
  EXPECT_EQ(merged->retries, 8);
  own.test = {"NONE"};
  EXPECT_FALSE(effective_check(own, of_image));
  EXPECT_FALSE(effective_check(std::nullopt, std::nullopt));
}

TEST(NetworkText, hosts_files_name_the_container_and_extra_hosts) {
  const std::string text = hosts_text("172.29.0.5", "web", "lan",
                                      {"db:10.0.0.9", "gw:host-gateway", "six:::1"}, "172.29.0.1");
  EXPECT_THAT(text, HasSubstr("127.0.0.1\tlocalhost\n"));
  EXPECT_THAT(text, HasSubstr("10.0.0.9\tdb\n172.29.0.1\tgw\n::1\tsix\n"));
  EXPECT_THAT(text, HasSubstr("172.29.0.5\tweb.lan web\n"));
  EXPECT_THROW(hosts_text("", "", "", {"evil:1.2.3.4\n6.6.6.6 bank"}, ""), Error);
}

TEST(NetworkText, resolvers_on_the_hosts_loopback_are_left_out) {
  Spec spec;
  const std::string host = "search lan\nnameserver 127.0.0.53\nnameserver 10.0.0.1\n";
  EXPECT_EQ(resolv_text(spec, host, true), "search lan\nnameserver 10.0.0.1\n");
  EXPECT_EQ(resolv_text(spec, host, false), host);
  spec.dns = {"1.2.3.4"};
  spec.dns_search = {"a", "b"};
  EXPECT_EQ(resolv_text(spec, host, true), "nameserver 1.2.3.4\nsearch a b\n");
}

TEST(NetworkText, published_ports_become_map_elements) {
  EXPECT_EQ(nft_element("add", {80, "tcp", "", 8080}, "172.29.0.2"),
            "add element ip slipway ports_any { tcp . 8080 : 172.29.0.2 . 80 }");
  EXPECT_EQ(nft_element("delete", {53, "udp", "127.0.0.1", 5353}, "172.29.0.2"),
            "delete element ip slipway ports_at { 127.0.0.1 . udp . 5353 : 172.29.0.2 . 53 }");
}

TEST(Record, survives_its_json_form) {
  Record record;
  record.info.id = "abc";
  record.info.spec.cmd = {"x"};
  record.info.spec.stop_timeout = 3;
  record.info.spec.health_check = image::HealthCheck{{"CMD", "y"}, 1, 2, 3, 4};
  record.info.spec.ports = {{80, "tcp", "", 8080}};
  record.info.state.status = Status::paused;
  record.info.state.started_at = TimePoint(microseconds(123456));
  record.mounts = {{"volume", "v", "/s", "/t", "", true, true, {"o"}}};
  record.start_number = 5;
  const Record back = parse_json(Json(record).dump()).get<Record>();
  EXPECT_EQ(Json(back), Json(record));
  EXPECT_EQ(back.info.spec.stop_timeout, 3);
  EXPECT_EQ(back.info.state.started_at, record.info.state.started_at);
  EXPECT_FALSE(back.info.state.finished_at);
}

}  // namespace
}  // namespace slipway::container
