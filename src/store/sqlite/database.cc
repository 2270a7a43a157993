// The thin layer over the SQLite C API.
#include "store/sqlite/database.h"

#include <sqlite3.h>

#include "base/error.h"

namespace slipway::store {

namespace {

[[noreturn]] void fail(sqlite3* db, int code, std::string_view doing) {
  const std::string text = db ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_CONSTRAINT:
      throw conflict("database: {}: {}", doing, text);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw unavailable("database: {}: {}", doing, text);
    default:
      throw internal("database: {}: {}", doing, text);
  }
}

}  // namespace

void Statement::Close::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement::Statement(sqlite3* db, std::string_view sql) {
  sqlite3_stmt* made = nullptr;
  const int rc = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &made, nullptr);
  statement_.reset(made);
  if (rc != SQLITE_OK) fail(db, rc, sql);
}

bool Statement::step() {
  const int rc = sqlite3_step(statement_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  sqlite3* db = sqlite3_db_handle(statement_.get());
  const std::string sql = sqlite3_sql(statement_.get());
  const std::string_view verb = std::string_view(sql).substr(0, sql.find(' '));
  try {
    fail(db, rc, verb);
  } catch (...) {
    reset();
    throw;
  }
}

void Statement::run() {
  while (step()) {
  }
  reset();
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
}

int Statement::columns() const {
  return sqlite3_column_count(statement_.get());
}

void Statement::bind_null(int index) {
  sqlite3_bind_null(statement_.get(), index);
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data ? std::string(static_cast<const char*>(data), static_cast<size_t>(size)) : "";
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void Statement::bind_one(int index, std::string_view text) {
  // The length is passed on: values may hold NUL bytes.
  const int rc = sqlite3_bind_text64(statement_.get(), index, text.data() ? text.data() : "",
                                     text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (rc != SQLITE_OK) fail(sqlite3_db_handle(statement_.get()), rc, "bind");
}

void Statement::bind_one(int index, int64_t number) {
  const int rc = sqlite3_bind_int64(statement_.get(), index, number);
  if (rc != SQLITE_OK) fail(sqlite3_db_handle(statement_.get()), rc, "bind");
}

void Database::Close::operator()(sqlite3* db) const {
  sqlite3_close_v2(db);
}

Database::Database(const std::string& path) {
  sqlite3* made = nullptr;
  const int rc =
      sqlite3_open_v2(path.c_str(), &made,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  db_.reset(made);
  if (rc != SQLITE_OK) fail(made, rc, fmt::format("open {}", path));
  sqlite3_extended_result_codes(made, 1);
  sqlite3_busy_timeout(made, 5000);
}

void Database::exec(const std::string& sql) {
  const int rc = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) fail(db_.get(), rc, sql.substr(0, 60));
}

int64_t Database::changes() const {
  return sqlite3_changes64(db_.get());
}

int64_t Database::last_insert_id() const {
  return sqlite3_last_insert_rowid(db_.get());
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(db_.get()) == 0;
}

SqlTransaction::SqlTransaction(Database& db) : db_(db) {
  db_.exec("BEGIN IMMEDIATE");
}

SqlTransaction::~SqlTransaction() {
  if (!open_ || !db_.in_transaction()) return;
  try {
    db_.exec("ROLLBACK");
  } catch (const std::exception&) {
    // Nothing was committed; the next BEGIN reports what is wrong.
  }
}

void SqlTransaction::commit() {
  db_.exec("COMMIT");
  open_ = false;
}

}  // namespace slipway::store
