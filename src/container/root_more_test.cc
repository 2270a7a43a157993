// What is around containers: networks, mounts, health, and what outlives a daemon.
#include <arpa/inet.h>
#include <csignal>
#include <netinet/in.h>
#include <sys/socket.h>

#include "container/root_fixture.h"

namespace slipway::container {
namespace {

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

TEST_F(ROOT_Engine, ends_a_conmon_that_had_not_written_its_pid_yet) {
  const std::string id = run_detached(spec({"sleep", "1000"}));
  const int pid = state(id).pid;
  engine_.reset();
  fs::remove("/run/slipway/c/" + id + "/conmon.pid");
  store_->write([&](store::Writer& db) {
    const auto row = db.get("containers", id);
    db.put("containers", id, replace_all(*row->value, "\"running\"", "\"created\""));
  });
  open();
  EXPECT_EQ(conmons(), 0);
  EXPECT_FALSE(exists(fmt::format("/proc/{}/root/bin", pid)));
  EXPECT_FALSE(linux::Cgroups::detect().exists("slipway/" + id));
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

TEST_F(ROOT_Engine, tear_down_ends_all_and_the_next_start_brings_back_what_always_runs) {
  Spec always = spec({"sleep", "1000"});
  always.restart_policy = "always";
  always.stop_timeout = 0;
  always.network_mode = "";
  Spec once = always;
  once.restart_policy = "";
  const std::string id = run_detached(always), gone = run_detached(once);
  engine_->tear_down();
  EXPECT_EQ(conmons(), 0);
  EXPECT_TRUE(linux::list_mounts(root_).empty());
  EXPECT_TRUE(linux::Links().list("sw-").empty());
  EXPECT_FALSE(linux::Cgroups::detect().exists("slipway"));
  engine_.reset();
  open();
  EXPECT_TRUE(eventually([&] { return state(id).status == Status::running; }));
  EXPECT_EQ(state(gone).status, Status::exited);
}

TEST_F(ROOT_Engine, events_tell_a_containers_life_in_order) {
  uint64_t cursor = 0;
  const auto soon = [] { return std::chrono::steady_clock::now() + milliseconds(1); };
  engine_->events(cursor, Stop(), soon());
  Spec wanted = shell("exit 3");
  wanted.name = "seen";
  wanted.labels = {{"k", "v"}};
  wanted.auto_remove = true;
  const std::string id = run_detached(wanted);
  std::vector<std::string> actions;
  std::map<std::string, std::string> of_die;
  while (actions.empty() || actions.back() != "destroy") {
    const auto deadline = std::chrono::steady_clock::now() + seconds(10);
    const auto events = engine_->events(cursor, Stop(), deadline);
    ASSERT_FALSE(events.empty());
    for (const Event& event : events) {
      EXPECT_EQ(event.id, id);
      actions.push_back(event.action);
      if (event.action == "die") of_die = event.attributes;
    }
  }
  EXPECT_EQ(actions, (std::vector<std::string>{"create", "start", "die", "destroy"}));
  EXPECT_EQ(of_die["exitCode"], "3");
  EXPECT_EQ(of_die["name"], "seen");
  EXPECT_EQ(of_die["k"], "v");
}

// Whatever the order: nothing hangs, nothing is left (TearDown looks).
TEST_F(ROOT_Engine, bears_contradicting_calls_from_many_threads) {
  Spec wanted = spec({"sleep", "1000"});
  wanted.restart_policy = "always";
  const std::string id = engine_->create(wanted);
  const std::vector<std::function<void()>> calls = {
      [&] { engine_->start(id); },      [&] { engine_->stop(id, 0); },
      [&] { engine_->restart(id, 0); }, [&] { engine_->kill(id, SIGKILL); },
      [&] { engine_->pause(id); },      [&] { engine_->unpause(id); }};
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < calls.size(); ++t)
      threads.emplace_back([&, t] {
        for (size_t i = 0; i < 8; ++i) {
          try {
            calls[(t + i) % calls.size()]();
          } catch (const Error& e) {
            EXPECT_NE(e.kind(), Kind::internal) << e.what();
          }
        }
      });
  }
  engine_->remove(id, true, true);
  EXPECT_FALSE(engine_->find(id));
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
