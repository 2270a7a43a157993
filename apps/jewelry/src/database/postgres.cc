// PostgreSQL through libpq: prepared statements per connection, text parameters, READ COMMITTED.
// The URL holds a password: it never appears in an error.
#include <libpq-fe.h>

#include "base/error.h"
#include "base/strings.h"
#include "database/pool.h"

namespace jewelry {

namespace {

struct CloseConnection {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ClearResult>;

class PostgresConnection final : public Connection {
 public:
  explicit PostgresConnection(const std::string& url) : db_(PQconnectdb(url.c_str())) {
    if (PQstatus(db_.get()) != CONNECTION_OK) {
      const std::string host = PQhost(db_.get()) ? PQhost(db_.get()) : "?";
      throw slipway::unavailable("cannot connect to the PostgreSQL database on {}", host);
    }
    PQsetNoticeProcessor(
        db_.get(), [](void*, const char*) {}, nullptr);
    plain("SET synchronous_commit = on");
  }

  Rows run(const std::string& sql, const std::vector<Value>& parameters) override {
    std::vector<std::string> texts;
    texts.reserve(parameters.size());
    std::vector<const char*> pointers;
    for (const auto& parameter : parameters) {
      if (const auto* number = std::get_if<int64_t>(&parameter)) {
        pointers.push_back(texts.emplace_back(std::to_string(*number)).c_str());
      } else if (const auto* text = std::get_if<std::string>(&parameter)) {
        if (text->find('\0') != std::string::npos)
          throw slipway::invalid_argument("a text must not contain NUL");
        pointers.push_back(texts.emplace_back(*text).c_str());
      } else {
        pointers.push_back(nullptr);
      }
    }
    const Result result(PQexecPrepared(db_.get(), prepared(sql, parameters.size()).c_str(),
                                       static_cast<int>(pointers.size()), pointers.data(), nullptr,
                                       nullptr, 0));
    check(result.get());
    return rows_of(result.get());
  }

  void begin(bool) override { plain("BEGIN"); }
  void commit() override { plain("COMMIT"); }
  void rollback() noexcept override {
    if (!usable()) return;
    const Result result(PQexec(db_.get(), "ROLLBACK"));
  }
  bool usable() const override { return PQstatus(db_.get()) == CONNECTION_OK; }

 private:
  void plain(const char* sql) {
    const Result result(PQexec(db_.get(), sql));
    check(result.get());
  }

  const std::string& prepared(const std::string& sql, size_t parameters) {
    auto& name = statements_[sql];
    if (name.empty()) {
      const std::string made = fmt::format("s{}", statements_.size());
      const Result result(
          PQprepare(db_.get(), made.c_str(), sql.c_str(), static_cast<int>(parameters), nullptr));
      try {
        check(result.get());
      } catch (...) {
        statements_.erase(sql);
        throw;
      }
      name = made;
    }
    return name;
  }

  void check(const PGresult* result) const {
    const auto status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
    const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string state = code ? code : "";
    const std::string text = std::string(slipway::trim(PQresultErrorMessage(result)));
    if (state == "40001" || state == "40P01") throw TryAgain(text);
    if (state.starts_with("23")) throw slipway::conflict("database: {}", text);
    if (state.empty() || state.starts_with("08") || state.starts_with("57"))
      throw slipway::unavailable("the database went away");
    throw slipway::internal("database: {}", text);
  }

  static Rows rows_of(PGresult* result) {
    Rows rows;
    const int columns = PQnfields(result);
    for (int i = 0; i < PQntuples(result); ++i) {
      auto& row = rows.cells.emplace_back();
      for (int column = 0; column < columns; ++column) {
        if (PQgetisnull(result, i, column)) {
          row.emplace_back();
        } else {
          row.emplace_back(std::string(PQgetvalue(result, i, column),
                                       static_cast<size_t>(PQgetlength(result, i, column))));
        }
      }
    }
    rows.affected = slipway::parse_int(PQcmdTuples(result)).value_or(0);
    return rows;
  }

  std::unique_ptr<PGconn, CloseConnection> db_;
  std::map<std::string, std::string> statements_;
};

}  // namespace

Pool::Connect postgres_connector(const std::string& url) {
  return [url] { return std::make_unique<PostgresConnection>(url); };
}

}  // namespace jewelry
