// SQLite for folders that keep a database file: owning handles, errors as exceptions. Not
// thread-safe: one connection belongs to one thread at a time.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace slipway::store {

class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql);
  // Binds in order from parameter 1, after a reset.
  template <typename... Args>
  Statement& bind(const Args&... args) {
    reset();
    int index = 0;
    (bind_one(++index, args), ...);
    return *this;
  }
  // The same one by one, after a reset; index from 1.
  void bind_at(int index, std::string_view text) { bind_one(index, text); }
  void bind_at(int index, int64_t number) { bind_one(index, number); }
  void bind_null(int index);
  // True: a row is there. Throws on errors.
  bool step();
  // step() for what answers no rows; resets.
  void run();
  void reset();
  int columns() const;
  int64_t integer(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;

 private:
  void bind_one(int index, std::string_view text);
  void bind_one(int index, int64_t number);
  void bind_one(int index, uint64_t number) { bind_one(index, static_cast<int64_t>(number)); }
  void bind_one(int index, int number) { bind_one(index, static_cast<int64_t>(number)); }
  void bind_one(int index, const char* text) { bind_one(index, std::string_view(text)); }
  void bind_one(int index, const std::string& text) { bind_one(index, std::string_view(text)); }
  struct Close {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Close> statement_;
};

class Database {
 public:
  // Opens or makes the file. Throws Error(unavailable), or Error(conflict) when the file is no
  // database.
  explicit Database(const std::string& path);
  void exec(const std::string& sql);
  Statement prepare(std::string_view sql) { return {db_.get(), sql}; }
  // The number of rows that the last statement changed.
  int64_t changes() const;
  int64_t last_insert_id() const;
  bool in_transaction() const;

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::unique_ptr<sqlite3, Close> db_;
};

// BEGIN IMMEDIATE now; ROLLBACK at scope end unless commit() was called.
class SqlTransaction {
 public:
  explicit SqlTransaction(Database& db);
  ~SqlTransaction();
  SqlTransaction(const SqlTransaction&) = delete;
  SqlTransaction& operator=(const SqlTransaction&) = delete;
  void commit();

 private:
  Database& db_;
  bool open_ = true;
};

}  // namespace slipway::store
