// Tasks with real containers, namespaces and bridges. Only in tools/box, as root; skipped, loudly,
// elsewhere.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/agent.h"
#include "agent/network.h"
#include "agent/testing.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/sync.h"
#include "codec/json.h"
#include "linux/cgroups.h"
#include "linux/links.h"
#include "linux/mounts.h"
#include "linux/netns.h"
#include "linux/nft.h"
#include "linux/process.h"

namespace slipway::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class NoRegistry : public registry::Client {
 public:
  registry::Pulled pull(const image::Reference& name, const std::optional<registry::Credentials>&,
                        const registry::OnProgress&, const Stop&) override {
    throw not_found("manifest for {} not found", name.familiar());
  }
  image::Digest push(const image::Reference&, const std::optional<registry::Credentials>&,
                     const registry::OnProgress&, const Stop&) override {
    throw unimplemented("push");
  }
  void check_login(std::string_view, const registry::Credentials&, const Stop&) override {}
};

class ROOT_Agent : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || std::getenv("SLIPWAY_BOX") == nullptr) {
      std::cerr << "SKIPPED: needs root in a box: run tools/box build/dev/agent_test\n";
      GTEST_SKIP();
    }
    if (std::getenv("SLIPWAY_TEST_DEBUG") != nullptr) log::set_up(log::Level::debug);
    remove_tree(root_);
    store_ = store::open_memory();
    content_ = std::make_unique<image::ContentStore>(root_ + "/content");
    images_ = std::make_unique<image::Images>(root_ + "/images", *store_, *content_);
    make_image();
    open();
  }

  void TearDown() override {
    if (!agent_) return;
    agent_->tear_down();
    agent_.reset();
    EXPECT_TRUE(engine_->list().empty());
    engine_->tear_down();
    engine_.reset();
    EXPECT_TRUE(linux::list_mounts("/run/slipway").empty());
    EXPECT_TRUE(linux::list_mounts(root_).empty());
    linux::Links links;
    EXPECT_TRUE(links.list("sw").empty());
    EXPECT_FALSE(links.find("slipway0"));
    EXPECT_FALSE(links.remove_route({.destination = "10.77.0.0/16", .blackhole = true}));
    EXPECT_FALSE(linux::Nft().table_exists("ip", "slipway_tasks"));
    EXPECT_FALSE(linux::Nft().table_exists("ip", "slipway_endpoint"));
    EXPECT_EQ(links.addresses("lo"), (std::vector<std::string>{"127.0.0.1/8", "::1/128"}));
    EXPECT_FALSE(linux::Cgroups::detect().exists("slipway"));
    remove_tree(root_);
  }

  void make_image() {
    const auto layer = root_ + "/layer";
    for (const char* name : {"bin", "etc", "proc", "sys", "dev", "tmp", "www"})
      make_directories(layer + "/" + name);
    fs::copy_file("/bin/busybox", layer + "/bin/busybox");
    for (const char* applet : {"sh", "cat", "echo", "sleep", "true", "false", "wget", "httpd",
                               "env", "hostname", "ip", "nc", "seq", "kill"})
      fs::create_symlink("busybox", layer + "/bin/" + applet);
    write_file(layer + "/etc/passwd", "root:x:0:0:root:/:/bin/sh\n");
    write_file(layer + "/www/index.html", "hello from a task\n");
    const auto made = images_->commit_layer({}, layer, Stop());
    image::Config config;
    config.env = {"PATH=/bin"};
    config.cmd = {"sh"};
    config.diff_ids = {made.diff_id};
    const auto image = images_->create(config, {made.descriptor});
    images_->tag(image.id, image::Reference::parse("busybox:latest"));
  }

  void open() {
    container::Engine::Options options;
    options.root = root_ + "/containers";
    options.run_root = "/run/slipway";
    engine_ = std::make_unique<container::Engine>(options, *store_, *images_, clock_);
    engine_->recover();
    Hooks hooks;
    hooks.open_log_stream = [](const AwsLogs& logs, const std::string&) {
      if (logs.group == "missing") throw not_found("The specified log group does not exist.");
    };
    hooks.put_log_lines = [this](const AwsLogs&, const std::string& stream,
                                 const std::vector<container::LogLine>& lines, uint64_t first) {
      auto taken = logs_.lock();
      auto& have = (*taken)[stream];
      for (size_t i = 0; i < lines.size(); ++i) {
        if (first + i >= have.size()) have.push_back(lines[i].text);
      }
    };
    hooks.role_credentials = [](const std::string& role, const std::string&) {
      return Json{{"RoleArn", role}, {"AccessKeyId", "ASIA1"}}.dump();
    };
    agent_ = std::make_unique<Agent>(Agent::Options{root_ + "/tasks", "/run/slipway"}, *store_,
                                     *engine_, *images_, registry_, clock_, hooks);
    agent_->recover();
  }
  // As kill -9 would have it: containers go on, the daemon's memory is gone.
  void restart() {
    agent_.reset();
    engine_.reset();
    open();
  }

  bool reaches(const std::string& arn, const std::string& status, seconds time = seconds(15)) {
    const auto deadline = std::chrono::steady_clock::now() + time;
    uint64_t seen = 0;
    for (;;) {
      const auto now = agent_->status(arn);
      if (now && now->last_status == status) return true;
      const bool over = now && now->last_status == "STOPPED";
      const auto next = agent_->wait_for_change(seen, Stop(), deadline);
      if (next == seen || over) {
        ADD_FAILURE() << "still "
                      << (now ? now->last_status + " " + now->stopped_reason : "unknown");
        return false;
      }
      seen = next;
    }
  }
  std::vector<std::string> lines(const std::string& stream) { return (*logs_.lock())[stream]; }
  bool says(const std::string& stream, const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + seconds(10);
    while (std::chrono::steady_clock::now() < deadline) {
      for (const auto& line : lines(stream)) {
        if (line.find(text) != std::string::npos) return true;
      }
      Stop().wait_for(milliseconds(10));
    }
    return false;
  }

  TaskSpec task(const std::string& script) {
    auto spec = testing::one_container_task();
    spec.containers[0].command = {"sh", "-c", script};
    spec.containers[0].logs = AwsLogs{"/app", "us-east-1", "web", false};
    spec.containers[0].stop_timeout_s = 2;
    return spec;
  }
  std::string stream(const TaskSpec& spec) { return "web/app/" + spec.id; }
  std::string fetch(const std::string& url) {
    linux::RunOptions how;
    how.deadline = std::chrono::steady_clock::now() + seconds(10);
    return linux::run({.argv = {"busybox", "wget", "-q", "-O", "-", url}}, how).out;
  }

  std::string root_ = "/tmp/slipway-agent-test";
  SystemClock clock_;
  NoRegistry registry_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<image::ContentStore> content_;
  std::unique_ptr<image::Images> images_;
  std::unique_ptr<container::Engine> engine_;
  std::unique_ptr<Agent> agent_;
  Sync<std::map<std::string, std::vector<std::string>>> logs_;
};

TEST_F(ROOT_Agent, AnswersFromItsOwnAddressAndStops) {
  auto spec = task("httpd -f -p 80 -h /www");
  agent_->start_task(spec);
  agent_->start_task(spec);  // idempotent
  ASSERT_TRUE(reaches(spec.arn, "RUNNING"));
  EXPECT_EQ(engine_->list().size(), 1u);
  std::string page;
  const auto deadline = std::chrono::steady_clock::now() + seconds(5);
  while (page.empty() && std::chrono::steady_clock::now() < deadline)
    page = fetch("http://10.77.1.16/");
  EXPECT_EQ(page, "hello from a task\n");
  agent_->stop_task(spec.arn);
  ASSERT_TRUE(reaches(spec.arn, "STOPPED"));
  const auto status = *agent_->status(spec.arn);
  EXPECT_EQ(status.containers[0].last_status, "STOPPED");
  ASSERT_TRUE(status.containers[0].exit_code);
  EXPECT_EQ(status.stop_code, "");
  EXPECT_TRUE(status.started_at && status.stopping_at && status.stopped_at);
  EXPECT_TRUE(status.containers[0].started_at && status.containers[0].finished_at);
  EXPECT_FALSE(status.containers[0].image_digest.empty());
  EXPECT_TRUE(engine_->list().empty());
  EXPECT_TRUE(linux::Links().list("swt").empty());
  agent_->forget_task(spec.arn);
  EXPECT_FALSE(agent_->status(spec.arn));
}

TEST_F(ROOT_Agent, DrainsTheLogsBeforeItReportsTheEnd) {
  auto spec = task("seq 1 500; echo last >&2; exit 3");
  agent_->start_task(spec);
  ASSERT_TRUE(reaches(spec.arn, "STOPPED"));
  const auto status = *agent_->status(spec.arn);
  EXPECT_EQ(status.containers[0].exit_code, 3);
  EXPECT_EQ(status.stop_code, "EssentialContainerExited");
  EXPECT_EQ(status.stopped_reason, "Essential container in task exited");
  EXPECT_EQ(lines(stream(spec)).size(), 501u);
}

TEST_F(ROOT_Agent, ServesMetadataAndCredentialsInsideTheTask) {
  auto spec = task(
      "wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/task; echo; "
      "wget -q -O - http://169.254.170.2$AWS_CONTAINER_CREDENTIALS_RELATIVE_URI; echo; "
      "wget -q -O - $ECS_CONTAINER_METADATA_URI_V4/stats; echo; hostname; cat /etc/hosts; sleep "
      "60");
  spec.task_role_arn = "arn:aws:iam::123456789012:role/app";
  agent_->start_task(spec);
  ASSERT_TRUE(reaches(spec.arn, "RUNNING"));
  EXPECT_TRUE(says(stream(spec), "\"TaskARN\":\"" + spec.arn));
  EXPECT_TRUE(says(stream(spec), "ASIA1"));
  EXPECT_TRUE(says(stream(spec), "\"cpu_usage\""));
  EXPECT_TRUE(says(stream(spec), "10.77.1.16\tip-10-77-1-16.ec2.internal"));
}

TEST_F(ROOT_Agent, TwoTasksOfTwoSubnetsReachEachOther) {
  auto one = task("httpd -f -p 80 -h /www");
  auto two = task("while ! wget -q -O - http://10.77.1.16/; do sleep 0.1; done; sleep 60");
  two.network->ip = "10.77.2.20";
  two.network->mac = "02:00:00:00:02:14";
  two.network->subnet_id = "subnet-0b0b0b0b0b0b0b0b2";
  two.network->subnet_cidr = "10.77.2.0/24";
  agent_->start_task(one);
  agent_->start_task(two);
  ASSERT_TRUE(reaches(two.arn, "RUNNING"));
  EXPECT_TRUE(says(stream(two), "hello from a task"));
  EXPECT_EQ(agent_->list().size(), 2u);
}

TEST_F(ROOT_Agent, SaysWhyATaskDidNotStart) {
  auto spec = task("true");
  spec.containers[0].image = "no-such-image:1";
  agent_->start_task(spec);
  auto bad_group = task("true");
  bad_group.network->ip = "10.77.1.17";
  bad_group.containers[0].logs->group = "missing";
  agent_->start_task(bad_group);
  auto bad_command = task("true");
  bad_command.network->ip = "10.77.1.18";
  bad_command.containers[0].command = {"/no/such/program"};
  agent_->start_task(bad_command);
  for (const auto* one : {&spec, &bad_group, &bad_command}) {
    ASSERT_TRUE(reaches(one->arn, "STOPPED"));
    EXPECT_EQ(agent_->status(one->arn)->stop_code, "TaskFailedToStart");
    EXPECT_FALSE(agent_->status(one->arn)->containers[0].exit_code);
  }
  EXPECT_EQ(agent_->status(spec.arn)->stopped_reason,
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
            "resolve ref docker.io/library/no-such-image:1: not found");
  EXPECT_THAT(agent_->status(bad_group.arn)->stopped_reason,
              StartsWith("ResourceInitializationError: failed to validate logger args: "));
  EXPECT_THAT(agent_->status(bad_command.arn)->stopped_reason,
              StartsWith("CannotStartContainerError: "));
  EXPECT_THAT(agent_->status(bad_command.arn)->stopped_reason, HasSubstr("/no/such/program"));
}

TEST_F(ROOT_Agent, SurvivesARestartOfTheDaemonInEveryState) {
  auto spec =
      task("httpd -p 80 -h /www; i=0; while true; do echo line $i; i=$((i+1)); sleep 0.05; done");
  spec.task_role_arn = "arn:aws:iam::123456789012:role/app";
  agent_->start_task(spec);
  restart();
  ASSERT_TRUE(reaches(spec.arn, "RUNNING"));
  ASSERT_TRUE(says(stream(spec), "line 5"));
  const auto before = agent_->status(spec.arn)->containers[0];
  restart();
  EXPECT_EQ(agent_->status(spec.arn)->last_status, "RUNNING");
  ASSERT_EQ(engine_->list().size(), 1u);
  EXPECT_EQ(agent_->status(spec.arn)->containers[0].runtime_id, before.runtime_id);
  const auto next = lines(stream(spec)).size() + 5;
  EXPECT_TRUE(says(stream(spec), fmt::format("line {}\n", next)));
  const auto all = lines(stream(spec));
  for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], fmt::format("line {}\n", i));
  EXPECT_EQ(fetch("http://10.77.1.16/"), "hello from a task\n");
  agent_->stop_task(spec.arn);
  restart();
  ASSERT_TRUE(reaches(spec.arn, "STOPPED"));
  restart();
  EXPECT_EQ(agent_->status(spec.arn)->last_status, "STOPPED");
  EXPECT_TRUE(engine_->list().empty());
}

TEST_F(ROOT_Agent, NoticesWhatEndedWhileTheDaemonWasAway) {
  auto spec = task("sleep 1; exit 4");
  agent_->start_task(spec);
  ASSERT_TRUE(reaches(spec.arn, "RUNNING"));
  const auto id = engine_->list().at(0).id;
  const int pid = engine_->inspect(id).state.pid;
  const auto started = linux::process_start_time(pid);
  agent_.reset();
  engine_.reset();
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  while (linux::process_alive(pid, *started) && std::chrono::steady_clock::now() < deadline)
    Stop().wait_for(milliseconds(20));
  open();
  ASSERT_TRUE(reaches(spec.arn, "STOPPED"));
  EXPECT_EQ(agent_->status(spec.arn)->containers[0].exit_code, 4);
}

TEST_F(ROOT_Agent, StartsByHealthAndStopsInReverse) {
  auto spec = task("trap 'echo app stops; exit 0' TERM; while true; do sleep 0.1; done");
  spec.containers[0].depends_on = {{"db", "HEALTHY"}, {"init", "SUCCESS"}};
  auto init = testing::container_named("init", false);
  init.command = {"true"};
  auto db = testing::container_named("db");
  db.command = {"sh", "-c",
                "trap 'exit 0' TERM; sleep 0.5; echo x > /tmp/up; while true; do sleep 0.1; done"};
  db.health_check =
      image::HealthCheck{{"CMD-SHELL", "cat /tmp/up"}, 300'000'000, 2'000'000'000, 0, 10};
  spec.containers.push_back(init);
  spec.containers.push_back(db);
  agent_->start_task(spec);
  ASSERT_TRUE(reaches(spec.arn, "RUNNING"));
  auto status = *agent_->status(spec.arn);
  EXPECT_EQ(status.containers[1].exit_code, 0);
  EXPECT_EQ(status.containers[2].health, "HEALTHY");
  EXPECT_GE(*status.containers[0].started_at, *status.containers[1].finished_at);
  agent_->stop_task(spec.arn);
  ASSERT_TRUE(reaches(spec.arn, "STOPPED"));
  status = *agent_->status(spec.arn);
  EXPECT_EQ(status.containers[0].exit_code, 0);
  EXPECT_LE(*status.containers[0].finished_at, *status.containers[2].finished_at);
}

TEST_F(ROOT_Agent, BridgeModeReportsDynamicPortsAndReachesMetadata) {
  auto spec = task("wget -q -O - $ECS_CONTAINER_METADATA_URI_V4; echo; httpd -f -p 80 -h /www");
  spec.network_mode = "bridge";
  spec.launch_type = "EC2";
  spec.network.reset();
  spec.containers[0].ports.push_back({80, 0, "tcp", "", ""});
  agent_->start_task(spec);
  ASSERT_TRUE(reaches(spec.arn, "RUNNING"));
  const auto status = *agent_->status(spec.arn);
  ASSERT_EQ(status.containers[0].bindings.size(), 1u);
  EXPECT_GE(status.containers[0].bindings[0].host_port, 1024);
  EXPECT_TRUE(says(stream(spec), "\"Name\":\"app\""));
}

}  // namespace
}  // namespace slipway::agent
