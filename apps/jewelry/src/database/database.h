// The shop's database: SQLite or PostgreSQL, chosen by URL. Modules write one SQL text for both,
// with $1, $2... for parameters; only this folder knows which it is. Thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace jewelry {

using Value = std::variant<std::monostate, int64_t, std::string>;

struct Rows {
  std::vector<std::vector<std::optional<std::string>>> cells;
  int64_t affected = 0;  // by INSERT, UPDATE, DELETE
  size_t size() const { return cells.size(); }
  bool empty() const { return cells.empty(); }
  std::string text(size_t row, size_t column) const { return cells[row][column].value_or(""); }
  int64_t integer(size_t row, size_t column) const;
};

// One transaction. Must not outlive its callback.
class Session {
 public:
  virtual ~Session() = default;
  virtual Rows run(const std::string& sql, const std::vector<Value>& parameters = {}) = 0;
};

class Database {
 public:
  virtual ~Database() = default;
  // Both run fn in a transaction, which is rolled back when fn throws. write may run fn again when
  // the database says that two transactions met. Throws Error(unavailable) when it is away.
  virtual void read(const std::function<void(Session&)>& fn) = 0;
  virtual void write(const std::function<void(Session&)>& fn) = 0;
  virtual const char* kind() const = 0;
};

// sqlite:///absolute/path, sqlite://relative/path or postgres://user:password@host/name.
std::unique_ptr<Database> open_database(const std::string& url);
// Makes or migrates the tables; fills an empty catalogue. Safe when several start at once.
void prepare(Database& database);

// "$1, $2, $3" for count parameters, beginning at first.
std::string placeholders(size_t first, size_t count);

}  // namespace jewelry
