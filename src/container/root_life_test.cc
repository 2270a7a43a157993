// With real containers: volumes with options, links that are removed, logs in a burst, programs
// that the kernel refuses.
#include "container/root_fixture.h"

namespace slipway::container {
namespace {

class ROOT_Life : public ROOT_Engine {
 protected:
  std::vector<std::string> events_of(const std::string& type) {
    uint64_t cursor = engine_->events_since(TimePoint());
    std::vector<std::string> out;
    for (const auto& event : engine_->events(cursor, Stop(), std::chrono::steady_clock::now()))
      if (event.type == type) out.push_back(event.action);
    return out;
  }
  std::string with_volume(const std::string& volume, const std::string& script) {
    Spec wanted = shell(script);
    Mount mount;
    mount.type = "volume";
    mount.source = volume;
    mount.target = "/v";
    wanted.mounts = {mount};
    return run_detached(wanted);
  }
  std::string in(const std::string& id, const std::string& script) {
    ExecSpec wanted;
    wanted.cmd = {"sh", "-c", script};
    return exec(id, wanted).out;
  }
};

TEST_F(ROOT_Life, volumes_with_options_are_mounted_for_their_first_user_until_the_last_has_gone) {
  const auto volume = engine_->volumes().create(
      "mem", {}, false, {{"type", "tmpfs"}, {"device", "tmpfs"}, {"o", "size=1m"}});
  EXPECT_FALSE(linux::is_mount_point(volume.path)) << volume.path;
  const auto one = with_volume("mem", "echo kept > /v/f; sleep 1000");
  EXPECT_TRUE(linux::is_mount_point(volume.path));
  ASSERT_TRUE(eventually([&] { return exists(volume.path + "/f"); }));
  const auto two = with_volume("mem", "sleep 1000");
  EXPECT_EQ(in(two, "cat /v/f"), "kept\n");
  engine_->stop(one, 0);
  EXPECT_TRUE(linux::is_mount_point(volume.path)) << "the other one has it";
  EXPECT_EQ(in(two, "cat /v/f"), "kept\n");
  engine_.reset();
  open();
  EXPECT_TRUE(linux::is_mount_point(volume.path));
  engine_->start(one);  // joins what is mounted
  EXPECT_EQ(in(one, "cat /v/f"), "kept\n");
  EXPECT_EQ(linux::list_mounts(volume.path).size(), 1u);
  engine_->stop(one, 0);
  engine_->stop(two, 0);
  EXPECT_FALSE(linux::is_mount_point(volume.path));
  EXPECT_EQ(events_of("volume"), (std::vector<std::string>{"mount", "unmount", "unmount"}));
}

TEST_F(ROOT_Life, what_ended_while_no_daemon_ran_gives_its_volume_back) {
  const auto volume =
      engine_->volumes().create("mem", {}, false, {{"type", "tmpfs"}, {"device", "tmpfs"}});
  const auto id = with_volume("mem", "until [ -e /v/end ]; do sleep 0.05; done");
  engine_.reset();
  write_file(volume.path + "/end", "");
  ASSERT_TRUE(eventually([&] { return exists("/run/slipway/c/" + id + "/exit/" + id); }));
  EXPECT_TRUE(linux::is_mount_point(volume.path));
  open();
  EXPECT_FALSE(linux::is_mount_point(volume.path));
}

TEST_F(ROOT_Life, a_start_that_fails_gives_its_volumes_back) {
  const auto good =
      engine_->volumes().create("good", {}, false, {{"type", "tmpfs"}, {"device", "tmpfs"}});
  engine_->volumes().create("wrong", {}, false,
                            {{"type", "none"}, {"device", "/no/such"}, {"o", "bind"}});
  Spec wanted = shell("true");
  for (const char* name : {"good", "wrong"}) {
    Mount mount;
    mount.type = "volume";
    mount.source = name;
    mount.target = std::string("/") + name;
    wanted.mounts.push_back(mount);
  }
  EXPECT_THROW(run_detached(wanted), Error);
  EXPECT_FALSE(linux::is_mount_point(good.path));
}

TEST_F(ROOT_Life, a_link_can_be_removed_from_a_running_container) {
  Spec db = spec({"sleep", "1000"});
  db.name = "db";
  db.network_mode = "";
  run_detached(db);
  Spec web = db;
  web.name = "web";
  web.links = {"db:store", "db:other"};
  const auto id = run_detached(web);
  EXPECT_PRED2(contains, in(id, "cat /etc/hosts"), "\tstore ");
  engine_->remove_link("/web/store");
  const std::string hosts = in(id, "cat /etc/hosts");
  EXPECT_FALSE(contains(hosts, "\tstore ")) << hosts;
  EXPECT_PRED2(contains, hosts, "\tother ");
  EXPECT_PRED2(contains, hosts, "127.0.0.1\tlocalhost");
  EXPECT_EQ(engine_->inspect(id).spec.links, std::vector<std::string>{"db:other"});
  EXPECT_THROW(engine_->remove_link("web/store"), Error);
  EXPECT_THROW(engine_->remove_link("web"), Error);
  EXPECT_THROW(engine_->remove_link("absent/store"), Error);
  engine_.reset();
  open();
  EXPECT_EQ(engine_->inspect(id).spec.links, std::vector<std::string>{"db:other"});
}

uint64_t bytes_of_logs(const std::string& folder) {
  uint64_t out = 0;
  std::set<uint64_t> seen;
  for (const auto& entry : fs::directory_iterator(folder)) {
    struct stat info {};
    if (!entry.path().filename().string().starts_with("container.log") ||
        ::stat(entry.path().c_str(), &info) != 0)
      continue;
    if (seen.insert(info.st_ino).second) out += static_cast<uint64_t>(info.st_size);
  }
  return out;
}

TEST_F(ROOT_Life, a_burst_does_not_break_a_logs_cap_with_or_without_a_daemon) {
  Spec wanted = spec({"busybox", "yes", "a line of a container that writes as fast as it can"});
  wanted.host.log_options = {{"max-size", "1m"}, {"max-file", "3"}};
  const auto id = run_detached(wanted);
  const std::string folder = root_ + "/containers/" + id;
  const auto stays_below = [&](uint64_t cap) {
    for (int i = 0; i < 100; ++i) {
      EXPECT_LE(bytes_of_logs(folder), cap);
      Stop().wait_for(milliseconds(5));
    }
  };
  constexpr uint64_t kMiB = 1 << 20;
  ASSERT_TRUE(eventually([&] { return exists(folder + "/container.log.2"); }));
  EXPECT_LT(log_text(id).size(), 64 * kMiB) << "what is not followed has an end";
  stays_below(4 * kMiB + kMiB / 2);  // the three, and one that is being moved while we count
  engine_.reset();
  stays_below(5 * kMiB);
  open();
  stays_below(4 * kMiB + kMiB / 2);
  engine_->kill(id, 9);
  EXPECT_LE(bytes_of_logs(folder), 3 * kMiB + kMiB / 4);
  const std::string text = log_text(id);
  EXPECT_GT(text.size(), kMiB / 2);
  EXPECT_PRED2(contains, text, "a line of a container that writes as fast as it can\n");
}

TEST_F(ROOT_Life, a_program_that_the_kernel_refuses_ends_as_with_docker) {
  write_file(rootfs_ + "/bin/script", "#!/bin/no-such-shell\n", 0755);
  write_file(rootfs_ + "/bin/garbage", "no program at all\n", 0755);
  if (!exists("/usr/sbin/runc")) GTEST_SKIP() << "no runc here";
  const auto missing = run(spec({"/bin/script"}));
  const auto is_runcs = [](int code) { return code == 1 || code == 255; };  // 255 since 1.2
  EXPECT_TRUE(is_runcs(missing.code)) << missing.code;
  EXPECT_PRED2(contains, missing.err, "exec /bin/script: no such file or directory");
  const auto garbage = run(spec({"garbage"}));
  EXPECT_TRUE(is_runcs(garbage.code)) << garbage.code;
  EXPECT_PRED2(contains, garbage.err, "exec /bin/garbage: exec format error");
  EXPECT_EQ(run(spec({"sh", "-c", "exit 3"})).code, 3);
}

TEST_F(ROOT_Life, an_end_is_one_for_who_waits_also_when_a_restart_follows) {
  Spec wanted = shell("until [ -e /tmp/end ]; do sleep 0.05; done; rm /tmp/end; exit 7");
  wanted.restart_policy = "always";
  const auto id = run_detached(wanted);
  Stop armed;
  int code = -1;
  std::jthread waiting([&] {
    code = engine_->wait(id, WaitCondition::not_running, Stop(), [&] { armed.request(); });
  });
  ASSERT_TRUE(armed.wait_for(seconds(10)));
  in(id, "touch /tmp/end");
  waiting.join();
  EXPECT_EQ(code, 7);
  EXPECT_TRUE(eventually([&] { return state(id).restart_count == 1; }));
}

TEST_F(ROOT_Life, nobody_can_attach_to_what_waits_for_its_next_start) {
  Spec wanted = shell("exit 1");
  wanted.restart_policy = "always";
  const auto id = run_detached(wanted);
  ASSERT_TRUE(eventually([&] { return state(id).restart_count >= 4; }));  // a second between two
  ASSERT_TRUE(eventually([&] { return state(id).status == Status::restarting; }));
  try {
    engine_->attach(id, {}, false, Stop());
    FAIL() << "attached";
  } catch (const Error& e) {
    EXPECT_PRED2(contains, e.what(), "is restarting, wait until the container is running");
  }
}

}  // namespace
}  // namespace slipway::container
