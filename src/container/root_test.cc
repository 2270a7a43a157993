// The engine with real containers. These tests need root in a box (tools/box sets SLIPWAY_BOX) and
// are skipped, loudly, elsewhere.
#include <arpa/inet.h>
#include <csignal>
#include <filesystem>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "container/engine.h"
#include "container/volumes.h"
#include "linux/cgroups.h"
#include "linux/links.h"
#include "linux/mounts.h"
#include "linux/nft.h"
#include "linux/process.h"

namespace slipway::container {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool in_box() {
  return ::geteuid() == 0 && std::getenv("SLIPWAY_BOX") != nullptr;
}

// Polls until the condition holds; false when it does not within ten seconds.
template <typename Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    Stop().wait_for(milliseconds(5));
  }
  return true;
}

// The end of a connection that tests write to and close.
class TestInput : public net::Stream {
 public:
  explicit TestInput(std::string text) : text_(std::move(text)) {}
  size_t read(std::span<char> into, const Stop&) override {
    const size_t size = std::min(into.size(), text_.size());
    text_.copy(into.data(), size);
    text_.erase(0, size);
    return size;
  }
  void write(std::string_view) override {}
  void shutdown_write() override {}
  void close() override {}

 private:
  std::string text_;
};

class ROOT_Engine : public testing::Test {
 protected:
  void SetUp() override {
    if (!in_box()) {
      std::cerr << "SKIPPED: needs root in a box: run tools/box build/dev/container_test\n";
      GTEST_SKIP();
    }
    remove_tree(root_);
    make_rootfs();
    store_ = store::open_memory();
    content_ = std::make_unique<image::ContentStore>(root_ + "/content");
    images_ = std::make_unique<image::Images>(root_ + "/images", *store_, *content_);
    open();
  }
  void TearDown() override {
    if (!engine_) return;
    for (const Info& info : engine_->list()) engine_->remove(info.id, true, true);
    engine_->tear_down();
    engine_.reset();
    EXPECT_TRUE(linux::list_mounts(root_).empty());
    EXPECT_TRUE(linux::list_mounts("/run/slipway").empty());
    EXPECT_FALSE(linux::Links().find("slipway0"));
    EXPECT_TRUE(linux::Links().list("sw-").empty());
    EXPECT_FALSE(linux::Nft().table_exists("ip", "slipway"));
    EXPECT_FALSE(linux::Cgroups::detect().exists("slipway"));
    EXPECT_EQ(conmons(), 0);
  }

  void open() {
    Engine::Options options;
    options.root = root_ + "/containers";
    options.run_root = "/run/slipway";
    // SLIPWAY_TEST_RUNTIME=/usr/sbin/runc: the same tests with another runtime.
    if (const char* runtime = std::getenv("SLIPWAY_TEST_RUNTIME")) options.runtime = runtime;
    engine_ = std::make_unique<Engine>(Engine::Options{root_ + "/containers", "/run/slipway"},
                                       *store_, *images_, clock_);
    engine_->recover();
  }
  void make_rootfs() {
    make_directories(rootfs_ + "/bin");
    for (const char* name : {"etc", "proc", "sys", "dev", "tmp", "data"})
      make_directories(rootfs_ + "/" + name);
    fs::copy_file("/bin/busybox", rootfs_ + "/bin/busybox");
    for (const char* applet : {"sh", "cat", "echo", "sleep", "id", "true", "ls", "nc", "kill",
                               "hostname", "tail", "touch", "mount", "wget", "ip", "env", "stty"})
      fs::create_symlink("busybox", rootfs_ + "/bin/" + applet);
    write_file(rootfs_ + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:7:8::/home/app:\n");
    write_file(rootfs_ + "/etc/group", "root:x:0:\nother:x:9:app\n");
    write_file(rootfs_ + "/data/seed", "from the image");
  }
  static int conmons() {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      if (!parse_uint(entry.path().filename().string())) continue;
      const auto text = read_file_if_exists(entry.path().string() + "/comm");
      if (text && trim(*text) == "conmon") ++count;
    }
    return count;
  }

  Spec spec(std::vector<std::string> cmd) const {
    Spec out;
    out.cmd = std::move(cmd);
    out.lower_dirs = {rootfs_};
    out.network_mode = "none";
    return out;
  }
  Spec shell(const std::string& script) const { return spec({"sh", "-c", script}); }

  struct Outcome {
    int code = -1;
    std::string out, err, id;
  };
  // docker run: attach, wait, start.
  Outcome run(const Spec& spec, net::Stream* input = nullptr) {
    Outcome outcome;
    outcome.id = engine_->create(spec);
    Stop armed;
    std::jthread attached([&] {
      Streams streams;
      streams.output = [&](int stream, std::string_view bytes) {
        (stream == 2 ? outcome.err : outcome.out) += bytes;
      };
      streams.input = input;
      engine_->attach(outcome.id, streams, input != nullptr, Stop(), [&] { armed.request(); });
    });
    EXPECT_TRUE(armed.wait_for(seconds(10)));
    engine_->start(outcome.id);
    outcome.code = engine_->wait(outcome.id, WaitCondition::not_running, Stop());
    attached.join();
    return outcome;
  }
  std::string run_detached(const Spec& spec) {
    const std::string id = engine_->create(spec);
    engine_->start(id);
    return id;
  }
  std::string log_text(const std::string& id) {
    std::string out;
    engine_->logs(id, {}, Stop(), [&](const LogLine& line) {
      out += line.text;
      return true;
    });
    return out;
  }
  State state(const std::string& id) { return engine_->inspect(id).state; }
  Outcome exec(const std::string& id, const ExecSpec& spec, net::Stream* input = nullptr) {
    Outcome outcome;
    outcome.id = engine_->exec_create(id, spec);
    Streams streams;
    streams.output = [&](int stream, std::string_view bytes) {
      (stream == 2 ? outcome.err : outcome.out) += bytes;
    };
    streams.input = input;
    engine_->exec_start(outcome.id, streams, false, Stop());
    outcome.code = engine_->exec_inspect(outcome.id).exit_code.value_or(-1);
    return outcome;
  }

  const std::string root_ = "/tmp/slipway-container-test", rootfs_ = root_ + "/rootfs";
  SystemClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<image::ContentStore> content_;
  std::unique_ptr<image::Images> images_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(ROOT_Engine, runs_a_command_and_reports_output_and_exit_code) {
  const auto outcome = run(shell("echo out; echo err >&2; exit 7"));
  EXPECT_EQ(outcome.out, "out\n");
  EXPECT_EQ(outcome.err, "err\n");
  EXPECT_EQ(outcome.code, 7);
  const Info info = engine_->inspect(outcome.id);
  EXPECT_EQ(info.state.status, Status::exited);
  EXPECT_EQ(info.state.exit_code, 7);
  EXPECT_TRUE(info.state.finished_at);
  EXPECT_EQ(log_text(outcome.id), "out\nerr\n");
}

TEST_F(ROOT_Engine, names_the_reason_when_the_command_is_missing_or_not_executable) {
  const auto failure = [&](const std::string& command) {
    const std::string id = engine_->create(spec({command}));
    try {
      engine_->start(id);
    } catch (const Error& e) {
      return std::pair<std::string, int>(e.what(), state(id).exit_code);
    }
    return std::pair<std::string, int>("it started", 0);
  };
  const auto missing = failure("nosuch");
  EXPECT_PRED2(contains, missing.first,
               "exec: \"nosuch\": executable file not found in $PATH: unknown");
  EXPECT_EQ(missing.second, 127);
  const auto absent = failure("/bin/absent");
  EXPECT_PRED2(contains, absent.first, "no such file or directory: unknown");
  EXPECT_EQ(absent.second, 127);
  const auto forbidden = failure("/etc/passwd");
  EXPECT_PRED2(contains, forbidden.first, "permission denied: unknown");
  EXPECT_EQ(forbidden.second, 126);
}

TEST_F(ROOT_Engine, passes_stdin_and_its_end_to_the_container) {
  Spec wanted = shell("cat; echo done");
  wanted.open_stdin = wanted.stdin_once = true;
  TestInput input("hello\n");
  const auto outcome = run(wanted, &input);
  EXPECT_EQ(outcome.out, "hello\ndone\n");
}

TEST_F(ROOT_Engine, gives_a_terminal_of_the_size_that_was_set) {
  Spec wanted = shell(
      "test -t 0 && echo tty=$TERM; until [ \"$(stty size 2>/dev/null)\" = '40 100' ]; do sleep "
      "0.01; "
      "done; echo resized");
  wanted.tty = true;
  const std::string id = run_detached(wanted);
  engine_->resize(id, 40, 100);
  EXPECT_EQ(engine_->wait(id, WaitCondition::not_running, Stop()), 0);
  EXPECT_EQ(log_text(id), "tty=xterm\r\nresized\r\n");
}

TEST_F(ROOT_Engine, runs_as_the_user_of_the_spec) {
  Spec wanted = shell("id; echo $HOME");
  wanted.user = "app";
  EXPECT_EQ(run(wanted).out, "uid=7(app) gid=8 groups=8,9(other)\n/home/app\n");
}

TEST_F(ROOT_Engine, sends_the_stop_signal_and_kills_after_the_timeout) {
  Spec polite = shell("trap 'exit 3' USR1; echo ready; while :; do sleep 0.05; done");
  polite.stop_signal = "SIGUSR1";
  const std::string id = run_detached(polite);
  ASSERT_TRUE(eventually([&] { return log_text(id) == "ready\n"; }));
  engine_->stop(id, 10);
  EXPECT_EQ(state(id).exit_code, 3);
  const std::string deaf =
      run_detached(shell("trap '' TERM; echo ready; while :; do sleep 1; done"));
  ASSERT_TRUE(eventually([&] { return log_text(deaf) == "ready\n"; }));
  engine_->stop(deaf, 0);
  EXPECT_EQ(state(deaf).exit_code, 137);
}

TEST_F(ROOT_Engine, runs_further_commands_in_a_running_container) {
  const std::string id = run_detached(spec({"sleep", "1000"}));
  TestInput input("typed\n");
  ExecSpec wanted;
  wanted.cmd = {"sh", "-c", "cat; echo $X >&2; exit 5"};
  wanted.env = {"X=from env"};
  wanted.attach_stdin = true;
  const auto outcome = exec(id, wanted, &input);
  EXPECT_EQ(outcome.out, "typed\n");
  EXPECT_EQ(outcome.err, "from env\n");
  EXPECT_EQ(outcome.code, 5);
  const std::string bad =
      engine_->exec_create(id, {.cmd = {"nosuch"}, .env = {}, .user = {}, .working_dir = {}});
  EXPECT_THROW(engine_->exec_start(bad, {}, false, Stop()), Error);
  EXPECT_EQ(engine_->exec_inspect(bad).exit_code, 127);
}

TEST_F(ROOT_Engine, follows_logs_until_the_end) {
  const std::string id = run_detached(shell("for i in 1 2 3 4 5; do echo $i; sleep 0.05; done"));
  std::string all, tail;
  LogOptions options;
  options.follow = true;
  engine_->logs(id, options, Stop(), [&](const LogLine& line) {
    all += line.text;
    return true;
  });
  EXPECT_EQ(all, "1\n2\n3\n4\n5\n");
  options.follow = false;
  options.tail = 2;
  engine_->logs(id, options, Stop(), [&](const LogLine& line) {
    tail += line.text;
    return true;
  });
  EXPECT_EQ(tail, "4\n5\n");
}

TEST_F(ROOT_Engine, limits_memory_and_processes) {
  Spec wanted = spec({"sleep", "1000"});
  wanted.memory_bytes = 64u << 20;
  wanted.pids_limit = 50;
  const std::string id = run_detached(wanted);
  const auto usage = linux::Cgroups::detect().usage("slipway/" + id);
  EXPECT_EQ(usage.memory_limit_bytes, 64u << 20);
  EXPECT_GE(usage.pids, 1u);
}

TEST_F(ROOT_Engine, tells_of_an_out_of_memory_kill) {
  Spec wanted = shell("tail /dev/zero; echo $?");
  wanted.memory_bytes = 16u << 20;
  const auto outcome = run(wanted);
  EXPECT_EQ(outcome.out, "137\n");
  EXPECT_TRUE(state(outcome.id).oom_killed);
}

TEST_F(ROOT_Engine, restarts_by_policy_with_growing_delay_and_gives_up) {
  Spec wanted = shell("echo run; exit 1");
  wanted.restart_policy = "on-failure";
  wanted.restart_max = 2;
  const std::string id = run_detached(wanted);
  ASSERT_TRUE(eventually([&] { return state(id).status == Status::exited; }));
  EXPECT_EQ(state(id).restart_count, 2);
  EXPECT_EQ(log_text(id), "run\nrun\nrun\n");
}

TEST_F(ROOT_Engine, removes_itself_and_wakes_who_waits_for_that) {
  Spec wanted = shell("exit 4");
  wanted.auto_remove = true;
  const std::string id = engine_->create(wanted);
  Stop armed;
  int code = -1;
  std::jthread waiter(
      [&] { code = engine_->wait(id, WaitCondition::removed, Stop(), [&] { armed.request(); }); });
  ASSERT_TRUE(armed.wait_for(seconds(10)));
  engine_->start(id);
  waiter.join();
  EXPECT_EQ(code, 4);
  EXPECT_FALSE(engine_->find(id));
  EXPECT_FALSE(exists(root_ + "/containers/" + id));
}

TEST_F(ROOT_Engine, pauses_and_resumes) {
  const std::string id = run_detached(shell("while :; do echo x; sleep 0.02; done"));
  engine_->pause(id);
  EXPECT_EQ(state(id).status, Status::paused);
  const size_t before = log_text(id).size();
  engine_->unpause(id);
  EXPECT_TRUE(eventually([&] { return log_text(id).size() > before + 4; }));
}

TEST_F(ROOT_Engine, finds_running_and_ended_containers_again_after_a_restart) {
  const std::string running = run_detached(shell("echo begin; while :; do sleep 0.1; done"));
  const std::string ending = run_detached(shell("sleep 0.3; exit 9"));
  const int pid = state(running).pid;
  engine_.reset();
  ASSERT_TRUE(eventually([&] { return exists("/run/slipway/c/" + ending + "/exit/" + ending); }));
  open();
  EXPECT_EQ(state(running).status, Status::running);
  EXPECT_EQ(state(running).pid, pid);
  EXPECT_EQ(state(ending).status, Status::exited);
  EXPECT_EQ(state(ending).exit_code, 9);
  EXPECT_EQ(log_text(running), "begin\n");
  ExecSpec hello;
  hello.cmd = {"echo", "still here"};
  EXPECT_EQ(exec(running, hello).out, "still here\n");
  engine_->stop(running, 0);
  EXPECT_EQ(state(running).status, Status::exited);
}

int connect_to(const std::string& ip, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0
             ? socket.release()
             : -1;
}

std::string read_from(const std::string& ip, uint16_t port) {
  const Fd socket(connect_to(ip, port));
  if (!socket) return {};
  std::string text;
  std::array<char, 256> buffer;
  while (wait_readable(socket.get(), Stop(), std::chrono::steady_clock::now() + seconds(3)) ==
         Ready::yes) {
    const ssize_t got = ::read(socket.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(got));
  }
  return text;
}

TEST_F(ROOT_Engine, publishes_ports_on_loopback_and_on_the_bridge) {
  Spec wanted = spec({"nc", "-ll", "-p", "80", "-e", "echo", "served"});
  wanted.network_mode = "";
  wanted.ports = {{80, "tcp", "", 0}, {80, "tcp", "127.0.0.1", 18080}};
  const std::string id = run_detached(wanted);
  const Info info = engine_->inspect(id);
  ASSERT_EQ(info.ports.size(), 2u);
  EXPECT_NE(info.ports[0].host_port, 0);
  EXPECT_TRUE(eventually([&] { return read_from(info.ip, 80) == "served\n"; }));
  EXPECT_EQ(read_from("127.0.0.1", 18080), "served\n");
  EXPECT_EQ(read_from("127.0.0.1", info.ports[0].host_port), "served\n");
  EXPECT_EQ(read_from("172.29.0.1", info.ports[0].host_port), "served\n");
  // Another container reaches it by its address and by the host's port.
  Spec client = shell("nc " + info.ip + " 80 </dev/null; nc 172.29.0.1 " +
                      std::to_string(info.ports[0].host_port) + " </dev/null");
  client.network_mode = "";
  EXPECT_EQ(run(client).out, "served\nserved\n");
  Spec second = wanted;
  EXPECT_THROW(engine_->start(engine_->create(second)), Error);
  engine_.reset();
  open();
  EXPECT_EQ(read_from("127.0.0.1", 18080), "served\n");
  engine_->remove(id, true, true);
  EXPECT_EQ(read_from("127.0.0.1", 18080), "");
}

TEST_F(ROOT_Engine, mounts_binds_volumes_and_tmpfs) {
  make_directories(root_ + "/bound");
  write_file(root_ + "/bound/file", "bound\n");
  Spec wanted = shell(
      "cat /b/file /data/seed; touch /b/x; touch /t/y && touch /data/new && mount | grep -c ' /t "
      "'");
  wanted.mounts = {{"bind", root_ + "/bound", "/b", true, "", 0},
                   {"volume", "seeded", "/data", false, "", 0}};
  wanted.tmpfs = {"/t:size=1m"};
  const auto outcome = run(wanted);
  EXPECT_EQ(outcome.out, "bound\nfrom the image1\n");
  EXPECT_PRED2(contains, outcome.err, "Read-only file system");
  const auto volume = engine_->volumes().find("seeded");
  ASSERT_TRUE(volume);
  EXPECT_TRUE(exists(volume->path + "/new"));
  Spec bad = shell("true");
  bad.mounts = {{"bind", "/no/such/path", "/b", true, "", 0}};
  EXPECT_THROW(engine_->create(bad), Error);
}

TEST_F(ROOT_Engine, checks_health) {
  Spec wanted = shell("while :; do sleep 0.1; done");
  wanted.health_check =
      image::HealthCheck{{"CMD-SHELL", "test -e /tmp/ok"}, 50'000'000, 2'000'000'000, 0, 2};
  const std::string id = run_detached(wanted);
  EXPECT_EQ(state(id).health, "starting");
  EXPECT_TRUE(eventually([&] { return state(id).health == "unhealthy"; }));
  ExecSpec touch;
  touch.cmd = {"touch", "/tmp/ok"};
  EXPECT_EQ(exec(id, touch).code, 0);
  EXPECT_TRUE(eventually([&] { return state(id).health == "healthy"; }));
}

// Prints, does not judge: bench/ does.
TEST_F(ROOT_Engine, tells_how_long_one_takes) {
  for (const char* mode : {"none", "bridge"}) {
    std::vector<double> start, whole;
    for (int i = 0; i < 15; ++i) {
      Spec wanted = spec({"true"});
      wanted.network_mode = mode;
      const auto t0 = std::chrono::steady_clock::now();
      const std::string id = engine_->create(wanted);
      engine_->start(id);
      const auto t1 = std::chrono::steady_clock::now();
      EXPECT_EQ(engine_->wait(id, WaitCondition::not_running, Stop()), 0);
      const auto t2 = std::chrono::steady_clock::now();
      engine_->remove(id, false, true);
      start.push_back(std::chrono::duration<double, std::milli>(t1 - t0).count());
      whole.push_back(std::chrono::duration<double, std::milli>(t2 - t0).count());
    }
    std::sort(start.begin(), start.end());
    std::sort(whole.begin(), whole.end());
    std::cerr << fmt::format("{}: started after {:.1f} ms, ended after {:.1f} ms (medians)\n", mode,
                             start[start.size() / 2], whole[whole.size() / 2]);
  }
}

TEST_F(ROOT_Engine, survives_the_death_of_conmon) {
  const std::string id = run_detached(spec({"sleep", "1000"}));
  const int pid = state(id).pid;
  const auto conmon = parse_int(trim(read_file("/run/slipway/c/" + id + "/conmon.pid")));
  ASSERT_TRUE(conmon);
  ::kill(static_cast<pid_t>(*conmon), SIGKILL);
  ASSERT_TRUE(eventually([&] { return state(id).status == Status::exited; }));
  EXPECT_EQ(state(id).exit_code, 255);
  EXPECT_TRUE(
      eventually([&] { return !linux::open_pidfd(pid) || !exists("/run/slipway/c/" + id); }));
  engine_->start(id);
  EXPECT_EQ(state(id).status, Status::running);
}

TEST_F(ROOT_Engine, joins_the_network_of_another_container) {
  Spec server = shell("hostname; nc -ll -p 80 -e echo inside");
  server.network_mode = "";
  server.hostname = "both";
  const std::string id = run_detached(server);
  Spec client =
      shell("until nc 127.0.0.1 80 </dev/null; do sleep 0.05; done 2>/dev/null; hostname");
  client.network_mode = "container:" + id;
  EXPECT_EQ(run(client).out, "inside\nboth\n");
  engine_->stop(id, 0);
  EXPECT_THROW(engine_->start(engine_->create(client)), Error);
}

TEST_F(ROOT_Engine, keeps_a_container_that_always_restarts_across_the_daemons_restart) {
  Spec wanted = shell("echo run; sleep 0.2");
  wanted.restart_policy = "always";
  const std::string id = run_detached(wanted);
  engine_.reset();
  ASSERT_TRUE(eventually([&] { return exists("/run/slipway/c/" + id + "/exit/" + id); }));
  open();
  EXPECT_TRUE(eventually([&] { return log_text(id).find("run\nrun\n") == 0; }));
  engine_->stop(id, 0);
  EXPECT_EQ(state(id).status, Status::exited);
}

TEST_F(ROOT_Engine, cleans_up_a_start_that_was_cut_short) {
  // As if the daemon had died between the start and its record.
  const std::string id = run_detached(spec({"sleep", "1000"}));
  const int pid = state(id).pid;
  engine_.reset();
  store_->write([&](store::Writer& db) {
    const auto row = db.get("containers", id);
    db.put("containers", id, replace_all(*row->value, "\"running\"", "\"created\""));
  });
  open();
  EXPECT_EQ(state(id).status, Status::created);
  EXPECT_FALSE(exists(fmt::format("/proc/{}/root/bin", pid)));
  EXPECT_EQ(conmons(), 0);
  engine_->start(id);
  EXPECT_EQ(state(id).status, Status::running);
}

TEST_F(ROOT_Engine, sweeps_what_no_record_knows) {
  const std::string id = run_detached(spec({"sleep", "1000"}));
  engine_.reset();
  store_->write([&](store::Writer& db) { db.erase("containers", id); });
  open();
  EXPECT_EQ(conmons(), 0);
  EXPECT_FALSE(exists(root_ + "/containers/" + id));
  EXPECT_FALSE(exists("/run/slipway/c/" + id));
}

TEST_F(ROOT_Engine, starts_twenty_at_once) {
  std::vector<std::string> ids;
  Spec wanted = shell("echo ok");
  wanted.network_mode = "";
  for (int i = 0; i < 20; ++i) ids.push_back(engine_->create(wanted));
  const auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (const std::string& id : ids)
      threads.emplace_back([&, id] {
        engine_->start(id);
        EXPECT_EQ(engine_->wait(id, WaitCondition::not_running, Stop()), 0);
      });
  }
  const auto took =
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
  std::cerr << "20 bridge containers: " << took.count() << " ms\n";
  for (const std::string& id : ids) EXPECT_EQ(log_text(id), "ok\n");
}

}  // namespace
}  // namespace slipway::container
