// What a container does while it runs: streams, signals, limits, exec, restart policies.
#include "container/root_fixture.h"

namespace slipway::container {
namespace {

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

TEST_F(ROOT_Engine, goes_on_when_an_attached_client_goes) {
  const std::string id = run_detached(shell("while :; do echo x; sleep 0.01; done"));
  Streams streams;
  streams.output = [](int, std::string_view) { throw unavailable("the client has gone"); };
  EXPECT_THROW(engine_->attach(id, streams, false, Stop()), Error);
  const size_t before = log_text(id).size();
  EXPECT_TRUE(eventually([&] { return log_text(id).size() > before + 4; }));
  Stop stop;
  std::jthread stopper([&] { stop.request(); });
  engine_->attach(id, {}, false, stop);
  LogOptions follow;
  follow.follow = true;
  engine_->logs(id, follow, stop, [](const LogLine&) { return true; });
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

}  // namespace
}  // namespace slipway::container
