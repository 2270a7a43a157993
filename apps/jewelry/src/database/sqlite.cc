// SQLite: WAL, one writer at a time (BEGIN IMMEDIATE), statements kept per connection.
#include "base/error.h"
#include "database/pool.h"
#include "store/sqlite/database.h"

namespace jewelry {

namespace {

// SQLite counts $1 by first use; ?1 means what PostgreSQL means by $1.
std::string numbered(std::string sql) {
  for (size_t i = 0; i + 1 < sql.size(); ++i) {
    if (sql[i] == '$' && sql[i + 1] >= '1' && sql[i + 1] <= '9') sql[i] = '?';
  }
  return sql;
}

class SqliteConnection final : public Connection {
 public:
  explicit SqliteConnection(const std::string& path) : db_(path) {
    db_.exec("PRAGMA journal_mode=WAL");
    db_.exec("PRAGMA synchronous=FULL");
    db_.exec("PRAGMA foreign_keys=ON");
    db_.exec("PRAGMA temp_store=MEMORY");  // the image has no /tmp
  }

  Rows run(const std::string& sql, const std::vector<Value>& parameters) override {
    auto& statement = prepared(sql);
    statement.reset();
    int index = 0;
    for (const auto& parameter : parameters) {
      ++index;
      if (const auto* number = std::get_if<int64_t>(&parameter)) {
        statement.bind_at(index, *number);
      } else if (const auto* text = std::get_if<std::string>(&parameter)) {
        statement.bind_at(index, *text);
      } else {
        statement.bind_null(index);
      }
    }
    Rows rows;
    while (statement.step()) {
      auto& row = rows.cells.emplace_back();
      for (int column = 0; column < statement.columns(); ++column) {
        row.push_back(statement.is_null(column) ? std::nullopt
                                                : std::optional(statement.text(column)));
      }
    }
    if (statement.columns() == 0) rows.affected = db_.changes();
    statement.reset();
    return rows;
  }

  void begin(bool write) override { db_.exec(write ? "BEGIN IMMEDIATE" : "BEGIN"); }
  void commit() override { db_.exec("COMMIT"); }
  void rollback() noexcept override {
    try {
      for (auto& [sql, statement] : statements_) statement->reset();
      if (db_.in_transaction()) db_.exec("ROLLBACK");
    } catch (const std::exception&) {
      usable_ = false;
    }
  }
  bool usable() const override { return usable_; }

 private:
  slipway::store::Statement& prepared(const std::string& sql) {
    auto& statement = statements_[sql];
    if (!statement)
      statement = std::make_unique<slipway::store::Statement>(db_.prepare(numbered(sql)));
    return *statement;
  }

  slipway::store::Database db_;
  std::map<std::string, std::unique_ptr<slipway::store::Statement>> statements_;
  bool usable_ = true;
};

}  // namespace

Pool::Connect sqlite_connector(const std::string& path) {
  return [path] { return std::make_unique<SqliteConnection>(path); };
}

}  // namespace jewelry
