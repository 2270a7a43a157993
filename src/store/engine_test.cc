// What every Store promises, on both kinds, and what happens when the disk does not obey.
#include "store/engine.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/sync.h"
#include "store/table.h"

namespace slipway::store {
namespace {

struct Folder {
  std::string path = fmt::format("{}/slipway-store-{}", ::testing::TempDir(), random_hex(8));
  Folder() { make_directories(path); }
  ~Folder() { remove_tree(path); }
};

class StoreTest : public ::testing::TestWithParam<bool> {
 protected:
  Folder folder_;
  std::unique_ptr<Store> store_ = GetParam() ? open_sqlite(folder_.path + "/s.db") : open_memory();

  std::optional<std::string> value(const std::string& key) {
    std::optional<std::string> out;
    store_->read([&](const Reader& db) {
      if (auto row = db.get("t", key)) out = *row->value;
    });
    return out;
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, StoreTest, ::testing::Values(false, true),
                         [](const auto& info) { return info.param ? "Sqlite" : "Memory"; });

TEST_P(StoreTest, AThrowingWriteChangesNothingAndPassesTheExceptionOn) {
  const uint64_t before = store_->revision();
  EXPECT_THROW(store_->write([](Writer& db) {
    db.put("t", "a", "1");
    throw not_found("x");
  }),
               Error);
  EXPECT_EQ(store_->revision(), before);
  EXPECT_EQ(value("a"), std::nullopt);
}

TEST_P(StoreTest, AWriterSeesItsOwnChangesAndAReaderOnlyTheCommitted) {
  store_->write([&](Writer& db) {
    db.put("t", "a", "1");
    EXPECT_EQ(*db.get("t", "a")->value, "1");
    EXPECT_EQ(value("a"), std::nullopt);
    db.put("t", "b", "2");
    EXPECT_TRUE(db.erase("t", "b"));
    EXPECT_FALSE(db.erase("t", "b"));
  });
  EXPECT_EQ(value("a"), "1");
  EXPECT_EQ(value("b"), std::nullopt);
}

TEST_P(StoreTest, ScansByPrefixAfterAKeyUpToALimit) {
  store_->write([](Writer& db) {
    for (const char* key : {"a", "b/1", "b/2", "b/3", "c"}) db.put("t", key, key);
  });
  store_->read([](const Reader& db) {
    auto keys = [&](std::string_view prefix, std::string_view after, size_t limit) {
      std::string out;
      for (const auto& row : db.scan("t", prefix, after, limit)) out += row.key + " ";
      return out;
    };
    EXPECT_EQ(keys("", "", 0), "a b/1 b/2 b/3 c ");
    EXPECT_EQ(keys("b/", "", 0), "b/1 b/2 b/3 ");
    EXPECT_EQ(keys("b/", "b/1", 1), "b/2 ");
    EXPECT_EQ(keys("b/", "a", 0), "b/1 b/2 b/3 ");
    EXPECT_EQ(keys("b/", "c", 0), "");
    EXPECT_TRUE(db.scan("none").empty());
  });
}

TEST_P(StoreTest, PutIfRefusesAMovedVersion) {
  const uint64_t first = store_->write([](Writer& db) { db.put_if("t", "a", "1", 0); });
  EXPECT_THROW(store_->write([](Writer& db) { db.put_if("t", "a", "2", 0); }), Error);
  store_->write([&](Writer& db) { db.put_if("t", "a", "2", first); });
  try {
    store_->write([&](Writer& db) { db.put_if("t", "a", "3", first); });
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::conflict);
  }
  EXPECT_EQ(value("a"), "2");
}

TEST_P(StoreTest, PuttingTheSameValueIsNoChange) {
  const uint64_t first = store_->write([](Writer& db) { db.put("t", "a", "1"); });
  EXPECT_EQ(store_->write([](Writer& db) { db.put("t", "a", "1"); }), first);
  EXPECT_EQ(store_->revision(), first);
}

TEST_P(StoreTest, ConcurrentIncrementsAreSerialised) {
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) {
        store_->write([](Writer& db) {
          auto row = db.get("t", "n");
          db.put("t", "n", std::to_string(row ? std::stoi(*row->value) + 1 : 1));
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(value("n"), std::to_string(kThreads * kEach));
  EXPECT_EQ(store_->revision(), static_cast<uint64_t>(kThreads * kEach));
}

TEST_P(StoreTest, AReadSeesOneStateWhileWritersGoOn) {
  store_->write([](Writer& db) {
    db.put("t", "a", "0");
    db.put("t", "b", "0");
  });
  std::thread writer([&] {
    for (int i = 1; i <= 50; ++i) {
      store_->write([&](Writer& db) {
        db.put("t", "a", std::to_string(i));
        db.put("t", "b", std::to_string(i));
      });
    }
  });
  std::string last;
  while (last != "50") {
    store_->read([&](const Reader& db) {
      const auto a = db.get("t", "a");
      std::this_thread::yield();
      last = *db.get("t", "b")->value;
      EXPECT_EQ(*a->value, last);
    });
  }
  writer.join();
}

TEST_P(StoreTest, AWaiterWakesForEachChangeAndForStop) {
  const Stop stop;
  std::atomic<uint64_t> seen{0};
  std::thread waiter([&] {
    uint64_t at = 0;
    while (at < 20) {
      at = store_->wait_for_change(at, stop, SteadyTime::max());
      seen = at;
    }
    EXPECT_EQ(store_->wait_for_change(at, stop, SteadyTime::max()), at);
  });
  for (int i = 1; i <= 20; ++i) {
    store_->write([&](Writer& db) { db.put("t", "a", std::to_string(i)); });
  }
  while (seen < 20) std::this_thread::yield();
  stop.request();
  waiter.join();
}

TEST_P(StoreTest, AWaitEndsAtItsDeadline) {
  const auto now = std::chrono::steady_clock::now();
  EXPECT_EQ(store_->wait_for_change(0, Stop(), now + milliseconds(5)), 0u);
}

TEST_P(StoreTest, AWriteInsideAWriteIsRefused) {
  EXPECT_THROW(store_->write([&](Writer&) { store_->write([](Writer&) {}); }), Error);
  store_->write([](Writer& db) { db.put("t", "a", "1"); });
}

struct Thing {
  int n = 0;
};
std::atomic<int> decodes{0};
void from_json(const Json& j, Thing& thing) {
  ++decodes;
  j.at("n").get_to(thing.n);
}
void to_json(Json& j, const Thing& thing) {
  j = Json{{"n", thing.n}};
}

TEST_P(StoreTest, ATableDecodesARowOncePerVersion) {
  static constexpr Table<Thing> things("things");
  decodes = 0;
  store_->write([](Writer& db) { things.put(db, "x", Thing{1}); });
  for (int i = 0; i < 3; ++i) {
    store_->read([](const Reader& db) { EXPECT_EQ(things.get(db, "x")->n, 1); });
  }
  EXPECT_EQ(decodes, 1);
  store_->write([](Writer& db) { things.put(db, "x", Thing{2}); });
  store_->read([](const Reader& db) { EXPECT_EQ(things.scan(db).at(0)->n, 2); });
  EXPECT_EQ(decodes, 2);
}

// A disk that waits to be let on, and may fail.
class GatedBackend : public Backend {
 public:
  struct Gate {
    bool open = false;
    bool fail = false;
    int batches = 0;
    int waiting = 0;
  };
  explicit GatedBackend(Sync<Gate>& gate) : gate_(gate) {}
  void append(const std::vector<const Commit*>&) override {
    auto gate = gate_.lock();
    ++gate->waiting;
    gate_.notify_all();
    gate.wait_until(SteadyTime::clock::now() + seconds(20), [](const Gate& g) { return g.open; });
    ++gate->batches;
    if (gate->fail) throw unavailable("disk full");
  }

 private:
  Sync<Gate>& gate_;
};

SteadyTime soon() {
  return SteadyTime::clock::now() + seconds(20);
}

TEST(Engine, ManyWritersShareOneDiskCommitAndASuccessorSeesThePendingState) {
  Sync<GatedBackend::Gate> gate;
  Engine store(std::make_shared<State>(), std::make_unique<GatedBackend>(gate));
  auto add = [&] {
    store.write([](Writer& db) {
      auto row = db.get("t", "n");
      db.put("t", "n", std::to_string(row ? std::stoi(*row->value) + 1 : 1));
    });
  };
  std::vector<std::thread> threads;
  threads.emplace_back(add);
  gate.lock().wait_until(soon(), [](const auto& g) { return g.waiting == 1; });
  std::atomic<int> started{0};
  for (int i = 0; i < 9; ++i) {
    threads.emplace_back([&] {
      store.write([&](Writer& db) {
        db.put("t", "n", std::to_string(std::stoi(*db.get("t", "n")->value) + 1));
        ++started;
      });
    });
  }
  while (started < 9) std::this_thread::yield();
  EXPECT_EQ(store.revision(), 0u);  // nothing is durable yet
  store.read([](const Reader& db) { EXPECT_FALSE(db.get("t", "n")); });
  gate.lock()->open = true;
  gate.notify_all();
  for (auto& thread : threads) thread.join();
  store.read([](const Reader& db) { EXPECT_EQ(*db.get("t", "n")->value, "10"); });
  EXPECT_EQ(store.stats().transactions, 10u);
  EXPECT_LT(store.stats().disk_commits, 10u);
}

TEST(Engine, AFailedDiskWriteLosesTheBatchAndWhatWasBuiltOnItAndNothingElse) {
  Sync<GatedBackend::Gate> gate;
  gate.lock()->open = true;
  Engine store(std::make_shared<State>(), std::make_unique<GatedBackend>(gate));
  store.write([](Writer& db) { db.put("t", "kept", "1"); });
  {
    auto lock = gate.lock();
    lock->open = false;
    lock->fail = true;
    lock->waiting = 0;
  }
  std::atomic<int> failures{0};
  std::atomic<int> ran{0};
  auto doomed = [&](const std::string& key) {
    try {
      store.write([&](Writer& db) {
        db.put("t", key, "x");
        ++ran;
      });
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), Kind::unavailable);
      EXPECT_NE(std::string(e.what()).find("disk full"), std::string::npos);
      ++failures;
    }
  };
  std::thread first(doomed, "a");
  gate.lock().wait_until(soon(), [](const auto& g) { return g.waiting == 1; });
  std::thread second(doomed, "b");
  while (ran < 2) std::this_thread::yield();
  gate.lock()->open = true;
  gate.notify_all();
  first.join();
  second.join();
  EXPECT_EQ(failures, 2);
  gate.lock()->fail = false;
  const uint64_t revision = store.write([](Writer& db) {
    EXPECT_FALSE(db.get("t", "a"));
    db.put("t", "after", "1");
  });
  EXPECT_EQ(revision, 2u);
  store.read([](const Reader& db) {
    EXPECT_EQ(db.scan("t").size(), 2u);
    EXPECT_TRUE(db.get("t", "kept"));
  });
}

}  // namespace
}  // namespace slipway::store
