// The embedded backend: all rows in one table of a SQLite file in WAL mode, synced at each batch.
// A lock file beside it keeps a second daemon out.
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/strings.h"
#include "store/engine.h"
#include "store/sqlite/database.h"

namespace slipway::store {

namespace {

// Migration i leads from schema version i to i + 1. Never change one that was released.
constexpr const char* kMigrations[] = {
    R"(CREATE TABLE tables("table" TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL,
                           value TEXT NOT NULL, PRIMARY KEY("table", key)) WITHOUT ROWID)",
};
constexpr int64_t kSchemaVersion = std::size(kMigrations);

int64_t meta(Database& db, std::string_view name) {
  auto query = db.prepare("SELECT value FROM meta WHERE name = ?");
  return query.bind(name).step() ? query.integer(0) : 0;
}

void set_meta(Database& db, std::string_view name, int64_t value) {
  db.prepare(
        "INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET "
        "value = excluded.value")
      .bind(name, value)
      .run();
}

void migrate(Database& db, const std::string& path) {
  SqlTransaction transaction(db);
  db.exec("CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID");
  const int64_t found = meta(db, "schema_version");
  if (found > kSchemaVersion) {
    throw conflict(
        "{} was written by a newer Slipway (schema {}, this program knows {}): start that "
        "version, or use another data directory",
        path, found, kSchemaVersion);
  }
  if (found == kSchemaVersion) return;
  for (int64_t version = found; version < kSchemaVersion; ++version) db.exec(kMigrations[version]);
  set_meta(db, "schema_version", kSchemaVersion);
  transaction.commit();
}

// A killed process keeps its locks until the last of its threads has gone: worth a moment's wait.
void wait_while_dying(std::string_view holder) {
  const auto pid = parse_uint(holder);
  if (!pid) return;
  const auto stat = read_file_if_exists(fmt::format("/proc/{}/stat", *pid));
  const size_t name_end = stat ? stat->rfind(") ") : std::string::npos;
  if (name_end == std::string::npos || stat->substr(name_end + 2, 1) != "Z") return;
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  if (!process) return;
  pollfd gone{process.get(), POLLIN, 0};
  ::poll(&gone, 1, 5000);
}

Fd lock(const std::string& path) {
  // Not the database file itself: closing any descriptor of it would drop SQLite's own locks.
  Fd fd = open_file(path + ".lock", O_RDWR | O_CREAT, 0600);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    char bytes[32] = {};
    const size_t size = read_some(fd.get(), std::span(bytes, sizeof bytes - 1));
    const std::string_view holder(bytes, size);
    wait_while_dying(holder);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      throw unavailable("{} is in use by another Slipway{}: stop it first (slipway down)", path,
                        size ? fmt::format(" (process {})", holder) : "");
    }
  }
  check(::ftruncate(fd.get(), 0), "truncate {}.lock", path);
  check(::lseek(fd.get(), 0, SEEK_SET), "rewind {}.lock", path);  // the holder may have been read
  write_all(fd.get(), std::to_string(::getpid()));
  return fd;
}

class SqliteBackend final : public Backend {
 public:
  SqliteBackend(const std::string& path, Fd lock) : lock_(std::move(lock)), db_(path) {
    db_.exec("PRAGMA journal_mode=WAL");
    db_.exec("PRAGMA synchronous=FULL");
    migrate(db_, path);
    put_ = std::make_unique<Statement>(db_.prepare(
        R"(INSERT INTO tables("table", key, version, value) VALUES(?, ?, ?, ?)
           ON CONFLICT("table", key) DO UPDATE SET version = excluded.version,
                                                   value = excluded.value)"));
    erase_ = std::make_unique<Statement>(
        db_.prepare(R"(DELETE FROM tables WHERE "table" = ? AND key = ?)"));
  }

  Snapshot load() {
    auto state = std::make_shared<State>();
    state->revision = static_cast<uint64_t>(meta(db_, "revision"));
    std::map<std::string, std::vector<std::shared_ptr<const Row>>> rows;
    auto query =
        db_.prepare(R"(SELECT "table", key, version, value FROM tables ORDER BY "table", key)");
    while (query.step()) {
      auto row = std::make_shared<Row>();
      row->key = query.text(1);
      row->version = static_cast<uint64_t>(query.integer(2));
      row->value = std::make_shared<const std::string>(query.text(3));
      row->decoded = std::make_shared<std::shared_ptr<const void>>();
      rows[query.text(0)].push_back(std::move(row));
    }
    for (const auto& [table, list] : rows) state->tables[table] = tree_build(list);
    return state;
  }

  void append(const std::vector<const Commit*>& commits) override {
    SqlTransaction transaction(db_);
    for (const Commit* commit : commits) {
      for (const auto& [id, value] : commit->changes) {
        if (value) {
          put_->bind(id.first, id.second, commit->revision, *value).run();
        } else {
          erase_->bind(id.first, id.second).run();
        }
      }
    }
    set_meta(db_, "revision", static_cast<int64_t>(commits.back()->revision));
    transaction.commit();
  }

 private:
  Fd lock_;
  Database db_;
  std::unique_ptr<Statement> put_, erase_;
};

}  // namespace

std::unique_ptr<Store> open_sqlite(const std::string& path) {
  Fd held = lock(path);
  // The state holds secret keys: for the owner alone, from its first byte.
  const bool is_new = !exists(path);
  open_file(path, O_RDWR | O_CREAT, 0600);
  auto backend = std::make_unique<SqliteBackend>(path, std::move(held));
  // The files' names must outlast a power cut too.
  if (is_new) sync_directory(std::filesystem::absolute(path).parent_path().string());
  auto state = backend->load();
  return std::make_unique<Engine>(std::move(state), std::move(backend));
}

}  // namespace slipway::store
