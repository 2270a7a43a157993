// The pure parts of the API: routes, request bodies, framing, credentials, filters, times.
#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/hash.h"
#include "docker/auth.h"
#include "docker/create_spec.h"
#include "docker/filters.h"
#include "docker/framing.h"
#include "docker/handlers.h"
#include "docker/routes.h"
#include "docker/times.h"
#include "docker/top.h"

namespace slipway::docker {
namespace {

Kind kind_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) {
    return e.kind();
  }
  ADD_FAILURE() << "no error";
  return Kind::internal;
}

TEST(Routes, NamesOfImagesMayContainSlashes) {
  const auto match = find_route("GET", "/images/localhost:5000/team/app:1/json");
  ASSERT_TRUE(match);
  EXPECT_EQ(match->route->handler, inspect_image);
  EXPECT_EQ(match->vars.at("name"), "localhost:5000/team/app:1");
  EXPECT_EQ(find_route("GET", "/images/json")->route->handler, list_images);
  EXPECT_EQ(find_route("DELETE", "/images/a/b")->vars.at("name"), "a/b");
  EXPECT_EQ(find_route("POST", "/images/create")->route->handler, pull_image);
}

TEST(Routes, OneSegmentVariablesTakeOneSegment) {
  EXPECT_EQ(find_route("GET", "/containers/web/json")->vars.at("id"), "web");
  EXPECT_EQ(find_route("GET", "/containers/json")->route->handler, list_containers);
  for (const auto* path : {"/containers/a/b/json", "/containers//json", "/", "", "/containers",
                           "/containers/json/", "/nothing", "containers/json"}) {
    EXPECT_FALSE(find_route("GET", path)) << path;
  }
  EXPECT_FALSE(find_route("PATCH", "/info"));
}

TEST(Routes, VersionPrefixIsOptionalAndBounded) {
  EXPECT_EQ(split_version("/v1.41/containers/json"),
            std::pair(41, std::string("/containers/json")));
  EXPECT_EQ(split_version("/volumes"), std::pair(kMaxMinor, std::string("/volumes")));
  EXPECT_EQ(split_version("/info").second, "/info");
  EXPECT_EQ(split_version("/v1.24").second, "/");
  EXPECT_THROW(split_version("/v1.99/info"), Error);
  EXPECT_THROW(split_version("/v1.12/info"), Error);
  EXPECT_THROW(split_version("/v2.0/info"), Error);
}

// As the CLI sends it for `docker run -d -p 8080:80 -v /srv:/data:ro -m 64m --name web nginx`.
const char* const kRun = R"({
  "Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,
  "AttachStderr":false,"ExposedPorts":{"80/tcp":{}},"Tty":false,"OpenStdin":false,
  "StdinOnce":false,"Env":["A=1"],"Cmd":null,"Image":"nginx","Volumes":{"/cache":{}},
  "WorkingDir":"","Entrypoint":null,"Labels":{"a":"b"},
  "HostConfig":{"Binds":["/srv:/data:ro","named:/vol"],"ContainerIDFile":"",
    "LogConfig":{"Type":"","Config":{}},"NetworkMode":"default",
    "PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]},
    "RestartPolicy":{"Name":"no","MaximumRetryCount":0},"AutoRemove":false,"VolumeDriver":"",
    "VolumesFrom":null,"ConsoleSize":[24,80],"CapAdd":["NET_ADMIN"],"CapDrop":null,
    "CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"GroupAdd":null,
    "IpcMode":"","Cgroup":"","Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,
    "PublishAllPorts":false,"ReadonlyRootfs":true,"SecurityOpt":null,"UTSMode":"",
    "UsernsMode":"","ShmSize":0,"Isolation":"","CpuShares":0,"Memory":67108864,"NanoCpus":0,
    "CgroupParent":"","BlkioWeight":0,"BlkioWeightDevice":[],"CpuPeriod":0,"CpuQuota":0,
    "CpusetCpus":"","Devices":[],"DeviceCgroupRules":null,"DeviceRequests":null,
    "MemoryReservation":0,"MemorySwap":0,"MemorySwappiness":-1,"OomKillDisable":false,
    "PidsLimit":0,"Ulimits":[{"Name":"nofile","Soft":1024,"Hard":2048}],"CpuCount":0,
    "MaskedPaths":null,"ReadonlyPaths":null,"Tmpfs":{"/run":"size=1m"},
    "Mounts":[{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":4096}}]},
  "NetworkingConfig":{"EndpointsConfig":{"default":{"IPAMConfig":null,"Links":null,
    "Aliases":null,"MacAddress":"","DriverOpts":null,"NetworkID":""}}}})";

TEST(Create, TranslatesWhatTheCliSends) {
  const auto request = translate_create(parse_json(kRun));
  const auto& spec = request.spec;
  EXPECT_EQ(spec.image, "nginx");
  EXPECT_FALSE(spec.entrypoint_set);
  EXPECT_EQ(spec.env, std::vector<std::string>{"A=1"});
  EXPECT_EQ(spec.labels.at("a"), "b");
  ASSERT_EQ(spec.ports.size(), 1u);
  EXPECT_EQ(spec.ports[0].container_port, 80);
  EXPECT_EQ(spec.ports[0].host_port, 8080);
  EXPECT_EQ(spec.exposed_ports, std::vector<std::string>{"80/tcp"});
  EXPECT_EQ(spec.memory_bytes, 64u << 20);
  EXPECT_TRUE(spec.read_only_root);
  EXPECT_EQ(spec.network_mode, "");
  EXPECT_EQ(spec.cap_add, std::vector<std::string>{"NET_ADMIN"});
  EXPECT_EQ(spec.ulimits.at(0).hard, 2048);
  EXPECT_EQ(spec.tmpfs, std::vector<std::string>{"/run:size=1m"});
  ASSERT_EQ(spec.mounts.size(), 4u);
  EXPECT_EQ(spec.mounts[0].type, "bind");
  EXPECT_TRUE(spec.mounts[0].read_only);
  EXPECT_EQ(spec.mounts[1].type, "volume");
  EXPECT_EQ(spec.mounts[1].source, "named");
  EXPECT_EQ(spec.mounts[2].tmpfs_size, 4096u);
  EXPECT_EQ(spec.mounts[3].target, "/cache");
  EXPECT_EQ(request.bind_sources, std::vector<std::string>{"/srv"});
}

TEST(Create, EntrypointNullKeepsTheImagesAndEmptyClearsIt) {
  EXPECT_FALSE(translate_create(parse_json(R"({"Entrypoint":[]})")).spec.entrypoint_set);
  const auto cleared = translate_create(parse_json(R"({"Entrypoint":[""],"Cmd":"ls"})")).spec;
  EXPECT_TRUE(cleared.entrypoint_set);
  EXPECT_TRUE(cleared.entrypoint.empty());
  EXPECT_EQ(cleared.cmd, std::vector<std::string>{"ls"});
}

TEST(Create, OptionsThatAreNotImplementedAreRefusedByName) {
  for (const auto* host : {R"({"CpuCount":3})", R"({"VolumeDriver":"nfs"})",
                           R"({"Isolation":"hyperv"})", R"({"Cgroup":"container:x"})"}) {
    const Json body = {{"Image", "a"}, {"HostConfig", parse_json(host)}};
    EXPECT_EQ(kind_of([&] { translate_create(body); }), Kind::unimplemented) << host;
  }
}

TEST(Create, LessCommonOptionsAreTranslated) {
  const auto host = translate_create(parse_json(R"({"Image":"a","HostConfig":{
      "PidMode":"host","IpcMode":"shareable","GroupAdd":["audio"],"VolumesFrom":["b:ro"],
      "Devices":[{"PathOnHost":"/dev/null","PathInContainer":"/dev/x","CgroupPermissions":"r"}],
      "SecurityOpt":["no-new-privileges","seccomp=unconfined","label:disable"],
      "CpusetCpus":"0","BlkioDeviceReadBps":[{"Path":"/dev/vda","Rate":1000}],"OomScoreAdj":-5,
      "MemorySwappiness":0,"MaskedPaths":[],"Annotations":{"k":"v"},"Runtime":"runc",
      "LogConfig":{"Type":"local","Config":{"max-size":"1m"}}}})"))
                        .spec.host;
  EXPECT_EQ(host.pid_mode, "host");
  EXPECT_EQ(host.ipc_mode, "shareable");
  EXPECT_EQ(host.group_add, std::vector<std::string>{"audio"});
  EXPECT_EQ(host.devices.at(0).target, "/dev/x");
  EXPECT_TRUE(host.no_new_privileges);
  EXPECT_EQ(host.seccomp, "unconfined");
  EXPECT_EQ(host.security.size(), 3u);
  EXPECT_EQ(host.read_bps.at(0).value, 1000u);
  EXPECT_EQ(host.oom_score_adj, -5);
  EXPECT_EQ(host.memory_swappiness, 0);
  ASSERT_TRUE(host.masked_paths);
  EXPECT_TRUE(host.masked_paths->empty());
  EXPECT_FALSE(host.readonly_paths);
  EXPECT_EQ(host.log_options.at("max-size"), "1m");
}

TEST(DetachKeys, AreLettersAndControlKeys) {
  EXPECT_EQ(parse_detach_keys(""), "\x10\x11");
  EXPECT_EQ(parse_detach_keys("a,ctrl-x,ctrl-["), "a\x18\x1b");
  for (const auto* bad : {"ctrl-", "ctrl-1", "ab", "a,,b", ","})
    EXPECT_THROW(parse_detach_keys(bad), Error) << bad;
}

TEST(Top, PicksTheRowsOfTheContainersProcesses) {
  const auto picked = select_processes("USER   PID COMMAND\nroot 7 a b  c\nroot 8 d\nbad\n", {7});
  ASSERT_EQ(picked["Processes"].size(), 1u);
  EXPECT_EQ(picked["Processes"][0][2], "a b  c");
  EXPECT_THROW(select_processes("COMMAND\nx\n", {7}), Error);
}

TEST(Top, FindsAProcessesGroupOnBothVersions) {
  EXPECT_EQ(group_in("0::/slipway/abc\n"), "/slipway/abc");
  EXPECT_EQ(group_in("5:memory:/m\n4:pids:/slipway/abc\n0::/\n"), "/slipway/abc");
  EXPECT_EQ(group_in(""), "");
}

TEST(Top, KnowsTheContainersGroupFromOneBelowIt) {
  EXPECT_EQ(container_group("/slipway/abc", "abc"), "/slipway/abc");
  EXPECT_EQ(container_group("/slipway/ecs-1/abc/init.scope", "abc"), "/slipway/ecs-1/abc");
  EXPECT_EQ(container_group("/slipway/abcd", "abc"), "/slipway/abcd");
  EXPECT_EQ(container_group("/elsewhere", "abc"), "/elsewhere");
}

TEST(Create, WrongTypesAndValuesAreTheCallersErrors) {
  for (const auto* body :
       {R"({"Env":[1]})",
        R"({"Image":5})",
        R"({"Tty":"yes"})",
        R"({"HostConfig":[]})",
        R"({"HostConfig":{"Binds":["a:relative"]}})",
        R"({"HostConfig":{"Binds":["/a:/b:bad"]}})",
        R"({"HostConfig":{"Memory":-1}})",
        R"({"HostConfig":{"SecurityOpt":["nonsense"]}})",
        R"({"HostConfig":{"SecurityOpt":["nonsense=1"]}})",
        R"({"HostConfig":{"Devices":[{"PathOnHost":"null"}]}})",
        R"({"HostConfig":{"Devices":5}})",
        R"({"HostConfig":{"DeviceRequests":[{"Driver":"nvidia"}]}})",
        R"({"HostConfig":{"StorageOpt":{"size":"1g"}}})",
        R"({"HostConfig":{"Memory":1.5}})",
        R"({"HostConfig":{"Memory":18446744073709551615}})",
        R"({"HostConfig":{"PortBindings":{"0/tcp":[]}}})",
        R"({"HostConfig":{"PortBindings":{"80/icmp":[]}}})",
        R"({"HostConfig":{"PortBindings":{"80":[{"HostPort":"99999"}]}}})",
        R"({"HostConfig":{"RestartPolicy":{"Name":"often"}}})",
        R"({"HostConfig":{"RestartPolicy":{"Name":"always"},"AutoRemove":true}})",
        R"({"HostConfig":{"LogConfig":{"Type":"syslog"}}})",
        R"({"Healthcheck":{"Retries":-1}})",
        R"({"Healthcheck":{"Test":["CMD","a"],"Interval":5}})",
        R"({"ExposedPorts":{"x":{}}})"}) {
    EXPECT_EQ(kind_of([&] { translate_create(parse_json(body)); }), Kind::invalid_argument) << body;
  }
}

TEST(Frame, HasStreamAndBigEndianLength) {
  EXPECT_EQ(frame(2, "abc"), std::string("\2\0\0\0\0\0\0\3abc", 11));
  EXPECT_EQ(frame(1, std::string(0x10203, 'x')).substr(0, 8), std::string("\1\0\0\0\0\1\2\3", 8));
}

TEST(Auth, HeadersAreBase64UrlJson) {
  EXPECT_FALSE(parse_auth_header("e30="));
  EXPECT_FALSE(parse_auth_header(""));
  const auto found = parse_auth_header(base64url_encode(R"({"username":"AWS","password":"p?>~"})"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->username, "AWS");
  EXPECT_EQ(found->password, "p?>~");
  EXPECT_EQ(kind_of([] { parse_auth_header("!!"); }), Kind::invalid_argument);
  EXPECT_EQ(kind_of([] { parse_auth_header(base64url_encode("[1]")); }), Kind::invalid_argument);
}

TEST(Auth, MalformedHeaderIsNotQuoted) {
  try {
    parse_auth_header(base64url_encode("{\"password\":\"hunter2\" oops"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("hunter2"), std::string::npos);
  }
}

TEST(Auth, ConfigHeaderIsByDomain) {
  const auto all = parse_config_header(base64url_encode(
      R"({"https://index.docker.io/v1/":{"username":"a","password":"b"},
          "123456789012.dkr.ecr.us-east-1.amazonaws.com":{"auth":"QVdTOnRva2Vu"}, "x":{}})"));
  EXPECT_EQ(all.at("docker.io").username, "a");
  EXPECT_EQ(all.at("123456789012.dkr.ecr.us-east-1.amazonaws.com").password, "token");
  EXPECT_EQ(all.size(), 2u);
  EXPECT_EQ(domain_of_server("http://localhost:5000/v2/"), "localhost:5000");
  EXPECT_EQ(domain_of_server(""), "docker.io");
}

TEST(Filters, BothFormsAndUnknownKeys) {
  const auto cli = Filters::parse(R"({"name":{"c1":true,"no":false}})", {"name"});
  EXPECT_EQ(cli.values("name"), std::vector<std::string>{"c1"});
  const auto list = Filters::parse(R"({"label":["a","b=c"]})", {"label"});
  EXPECT_TRUE(list.allows_labels({{"a", "x"}, {"b", "c"}}));
  EXPECT_FALSE(list.allows_labels({{"a", "x"}, {"b", "d"}}));
  EXPECT_FALSE(list.allows_labels({{"b", "c"}}));
  for (const auto* bad :
       {R"({"other":["a"]})", R"({"name":"a"})", R"([])", R"({"name":[1]})", "{"}) {
    EXPECT_THROW(Filters::parse(bad, {"name"}), Error) << bad;
  }
}

TEST(Times, UnixTimesAndHumanDurations) {
  EXPECT_FALSE(parse_unix_time(""));
  EXPECT_EQ(parse_unix_time("1700000000.5")->time_since_epoch().count(), 1'700'000'000'500'000);
  EXPECT_EQ(parse_unix_time("1700000000.123456789")->time_since_epoch().count(),
            1'700'000'000'123'456);
  EXPECT_EQ(parse_unix_time("1970-01-01T00:00:01Z")->time_since_epoch().count(), 1'000'000);
  for (const auto* bad : {"x", "-5", "1.x", "99999999999999999999", "9223372036854775807"}) {
    EXPECT_THROW(parse_unix_time(bad), Error) << bad;
  }
  EXPECT_EQ(time_text({}), "0001-01-01T00:00:00Z");
  EXPECT_EQ(time_text(TimePoint(microseconds(1'500'000))), "1970-01-01T00:00:01.500000000Z");
  EXPECT_EQ(human_duration(milliseconds(300)), "Less than a second");
  EXPECT_EQ(human_duration(seconds(59)), "59 seconds");
  EXPECT_EQ(human_duration(seconds(70)), "About a minute");
  EXPECT_EQ(human_duration(seconds(47 * 60)), "47 minutes");
  EXPECT_EQ(human_duration(seconds(3600)), "About an hour");
  EXPECT_EQ(human_duration(seconds(86400 * 3)), "3 days");
  EXPECT_EQ(human_duration(seconds(86400 * 800)), "2 years");
}

}  // namespace
}  // namespace slipway::docker
