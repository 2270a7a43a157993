// The control plane's state: typed records in tables, changed only in transactions. SQLite is the
// embedded backend (store/sqlite); the same interface is meant for PostgreSQL. Code above store/
// never knows which.
//
// Guarantees: write() is atomic, serialisable and durable when it returns (many writers share one
// fsync: group commit). Reads come from memory and see only committed state. Every commit has a
// revision; loops wait for the next one. All of Store is thread-safe; a Reader or Writer is not and
// must not outlive its callback.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/stop.h"

namespace slipway::store {

struct Row {
  std::string key;
  uint64_t version = 0;                      // the revision of the commit that wrote it
  std::shared_ptr<const std::string> value;  // JSON text
  // A place for the decoded form of this version; managed by Table<T>.
  std::shared_ptr<std::shared_ptr<const void>> decoded;
};

class Reader {
 public:
  virtual ~Reader() = default;
  virtual std::optional<Row> get(std::string_view table, std::string_view key) const = 0;
  // Rows whose key starts with prefix and is greater than after, in key order; limit 0 = all.
  virtual std::vector<Row> scan(std::string_view table, std::string_view prefix = {},
                                std::string_view after = {}, size_t limit = 0) const = 0;
};

class Writer : public Reader {
 public:
  // Putting the value that is there already changes nothing (the version stays).
  virtual void put(std::string_view table, std::string_view key, std::string value) = 0;
  // As put, but throws Error(conflict) unless the row's version is expected (0: must not exist).
  virtual void put_if(std::string_view table, std::string_view key, std::string value,
                      uint64_t expected_version) = 0;
  // False when absent.
  virtual bool erase(std::string_view table, std::string_view key) = 0;
};

struct Stats {
  uint64_t transactions = 0;  // committed since the start
  uint64_t disk_commits = 0;  // syncs they took: fewer when writers come together
};

class Store {
 public:
  virtual ~Store() = default;
  virtual void read(const std::function<void(const Reader&)>& fn) const = 0;
  // Snapshot isolation: a read never waits for a writer, and may last; it may be nested anywhere.
  // fn may run more than once, must touch nothing but the writer, and must not block (writers take
  // turns); a write inside a write is Error(internal). If fn throws, nothing changes and the
  // exception passes through. Throws Error(unavailable) when the disk refused. Returns the revision
  // (the current one if nothing changed).
  virtual uint64_t write(const std::function<void(Writer&)>& fn) = 0;
  virtual uint64_t revision() const = 0;
  // Waits for a revision greater than after; returns the current one (== after: stop or deadline).
  virtual uint64_t wait_for_change(uint64_t after, const Stop& stop, SteadyTime deadline) const = 0;
  virtual Stats stats() const = 0;
};

// Opens (makes) the database file. Throws Error(conflict) "... was written by a newer Slipway ..."
// when its schema version is above ours, Error(unavailable) when another daemon holds it.
std::unique_ptr<Store> open_sqlite(const std::string& path);
// The same semantics without a file, for tests.
std::unique_ptr<Store> open_memory();

}  // namespace slipway::store
