// The engine with real containers. These tests need root in a box (tools/box sets SLIPWAY_BOX) and
// are skipped, loudly, elsewhere. SLIPWAY_TEST_RUNTIME=/usr/sbin/runc: with that runtime.
#pragma once
#include <filesystem>
#include <gtest/gtest.h>

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

namespace fs = std::filesystem;

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline bool in_box() {
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
    for (const auto& link : linux::Links().list("br-")) ADD_FAILURE() << "left: " << link.name;
    engine_.reset();
    EXPECT_TRUE(linux::list_mounts(root_).empty());
    EXPECT_TRUE(linux::list_mounts("/run/slipway").empty());
    EXPECT_FALSE(linux::Links().find("slipway0"));
    EXPECT_TRUE(linux::Links().list("sw-").empty());
    EXPECT_FALSE(linux::Nft().table_exists("ip", "slipway"));
    EXPECT_FALSE(linux::Nft().table_exists("ip6", "slipway"));
    EXPECT_FALSE(linux::Cgroups::detect().exists("slipway"));
    EXPECT_EQ(conmons(), 0);
  }

  void open() {
    Engine::Options options;
    options.root = root_ + "/containers";
    options.run_root = "/run/slipway";
    // SLIPWAY_TEST_RUNTIME=/usr/sbin/runc: the same tests with another runtime.
    if (const char* runtime = std::getenv("SLIPWAY_TEST_RUNTIME")) options.runtime = runtime;
    engine_ = std::make_unique<Engine>(options, *store_, *images_, clock_);
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

}  // namespace slipway::container
