// What only the file can show: restart, a second daemon, newer schemas, a killed writer.
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "store/sqlite/database.h"
#include "store/store.h"

extern char** environ;

namespace slipway::store {
namespace {

class SqliteStore : public ::testing::Test {
 protected:
  void SetUp() override { make_directories(folder_); }
  void TearDown() override { remove_tree(folder_); }
  std::string folder_ = fmt::format("{}/slipway-sqlite-{}", ::testing::TempDir(), random_hex(8));
  std::string path_ = folder_ + "/s.db";

  void expect_refused(Kind kind, std::string_view words) {
    try {
      open_sqlite(path_);
      FAIL() << "opened";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind) << e.what();
      EXPECT_NE(std::string_view(e.what()).find(words), std::string_view::npos) << e.what();
    }
  }
};

TEST_F(SqliteStore, ARestartRestoresRowsVersionsAndRevision) {
  const std::string odd("nul\0 \xc3\xa4", 7);
  {
    auto store = open_sqlite(path_);
    store->write([&](Writer& db) { db.put("t", "a", odd); });
    store->write([](Writer& db) {
      db.put("u", "b", "2");
      db.put("u", "gone", "3");
    });
    store->write([](Writer& db) { db.erase("u", "gone"); });
  }
  auto store = open_sqlite(path_);
  EXPECT_EQ(store->revision(), 3u);
  store->read([&](const Reader& db) {
    EXPECT_EQ(*db.get("t", "a")->value, odd);
    EXPECT_EQ(db.get("t", "a")->version, 1u);
    EXPECT_EQ(db.get("u", "b")->version, 2u);
    EXPECT_FALSE(db.get("u", "gone"));
  });
}

TEST_F(SqliteStore, TheFileIsForItsOwnerAlone) {
  auto store = open_sqlite(path_);
  store->write([](Writer& db) { db.put("t", "a", "1"); });
  for (const char* end : {"", "-wal", "-shm", ".lock"}) {
    struct stat info {};
    ASSERT_EQ(::stat((path_ + end).c_str(), &info), 0) << end;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << end;
  }
}

TEST_F(SqliteStore, ASecondOpenIsRefusedWhileTheFirstLives) {
  auto store = open_sqlite(path_);
  expect_refused(Kind::unavailable,
                 fmt::format("in use by another Slipway (process {})", getpid()));
  store.reset();
  EXPECT_TRUE(open_sqlite(path_));
}

TEST_F(SqliteStore, ANewerSchemaIsRefusedByName) {
  open_sqlite(path_);
  Database(path_).exec("UPDATE meta SET value = 999 WHERE name = 'schema_version'");
  expect_refused(Kind::conflict, "was written by a newer Slipway");
}

TEST_F(SqliteStore, AFileThatIsNoDatabaseIsRefused) {
  write_file(path_, std::string(8192, 'x'));
  expect_refused(Kind::conflict, "not a database");
}

TEST_F(SqliteStore, ConcurrentWritersTakeFewerDiskCommitsThanTransactions) {
  auto store = open_sqlite(path_);
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n) {
        store->write([&](Writer& db) { db.put("t", std::to_string(i), std::to_string(n)); });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(store->stats().transactions, 160u);
  EXPECT_LT(store->stats().disk_commits, 160u);
}

// The child of the next test: writes until it is killed, telling each durable revision.
TEST(Child, DISABLED_WritesForEver) {
  const char* path = std::getenv("SLIPWAY_TEST_STORE");
  ASSERT_NE(path, nullptr);
  auto store = open_sqlite(path);
  auto forever = [&] {
    for (;;) {
      const uint64_t revision = store->write([](Writer& db) {
        const auto row = db.get("a", "count");
        const int n = row ? std::stoi(*row->value) + 1 : 1;
        db.put("a", "count", std::to_string(n));
        db.put("b", fmt::format("{:08}", n), std::string(500, 'v'));
      });
      write_all(STDERR_FILENO, fmt::format("{}\n", revision));
    }
  };
  std::thread second(forever);
  forever();
}

pid_t spawn_child(const std::string& path, const Fd& output) {
  std::vector<std::string> environment{"SLIPWAY_TEST_STORE=" + path};
  for (char** entry = environ; *entry; ++entry) environment.emplace_back(*entry);
  std::vector<std::string> arguments{"store_test", "--gtest_also_run_disabled_tests",
                                     "--gtest_filter=Child.*"};
  auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  };
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDERR_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int rc = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, pointers(arguments).data(),
                             pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(rc, 0);
  return pid;
}

TEST_F(SqliteStore, AKilledWriterLeavesAConsistentPrefixWithAllItWasPromised) {
  for (const size_t lines : {5u, 40u, 90u}) {
    Pipe pipe = make_pipe();
    const pid_t pid = spawn_child(path_, pipe.write);
    ASSERT_GT(pid, 0);
    pipe.write.reset();
    std::string told;
    char buffer[512];
    while (static_cast<size_t>(std::count(told.begin(), told.end(), '\n')) < lines) {
      const size_t n = read_some(pipe.read.get(), buffer);
      ASSERT_GT(n, 0u) << "the child ended: " << told;
      told.append(buffer, n);
    }
    ::kill(pid, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status));
    while (const size_t n = read_some(pipe.read.get(), buffer)) told.append(buffer, n);
    uint64_t promised = 0;
    for (const auto& line : split(told, '\n')) {
      promised = std::max(promised, parse_uint(line).value_or(0));
    }
    auto store = open_sqlite(path_);
    EXPECT_GE(store->revision(), promised);
    store->read([&](const Reader& db) {
      const auto count = static_cast<size_t>(std::stoi(*db.get("a", "count")->value));
      EXPECT_EQ(count, store->revision());
      const auto rows = db.scan("b");
      ASSERT_EQ(rows.size(), count);
      for (size_t i = 0; i < count; ++i) EXPECT_EQ(rows[i].key, fmt::format("{:08}", i + 1));
    });
  }
}

}  // namespace
}  // namespace slipway::store
