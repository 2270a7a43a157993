// The event database: schema, appending, reading in order, expiry.
#include "logs/events.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/fd.h"

namespace slipway::logs {

namespace {

constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS grp(id INTEGER PRIMARY KEY, uid TEXT UNIQUE NOT NULL,
                               stored_bytes INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS stream(id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT UNIQUE NOT NULL,
                                  next_ordinal INTEGER NOT NULL DEFAULT 0,
                                  last_ingestion INTEGER);
CREATE TABLE IF NOT EXISTS event(seq INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL,
                                 stream INTEGER NOT NULL, ts INTEGER NOT NULL,
                                 ingestion INTEGER NOT NULL, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS event_by_stream ON event(stream, ts, seq);
CREATE INDEX IF NOT EXISTS event_by_group ON event(grp, ts, seq);
)";
constexpr int64_t kSchemaVersion = 1;

Event read_event(const store::Statement& row) {
  return {.position = {row.integer(0), row.integer(1)},
          .ingestion_ms = row.integer(2),
          .stream = row.integer(3),
          .message = row.text(4)};
}

std::vector<Event> read_page(store::Statement& query, size_t limit) {
  std::vector<Event> out;
  size_t bytes = 0;
  while (out.size() < limit && query.step()) {
    Event event = read_event(query);
    bytes += event.message.size() + kEventOverhead;
    if (!out.empty() && bytes > kPageBytes) break;
    out.push_back(std::move(event));
  }
  return out;
}

}  // namespace

EventStore::EventStore(const std::string& path)
    : writer_((open_file(path, O_RDWR | O_CREAT, 0600), path)), reader_(path) {
  auto& db = writer_.db;
  db.exec("PRAGMA journal_mode=WAL");
  db.exec("PRAGMA synchronous=NORMAL");
  auto version = db.prepare("PRAGMA user_version");
  version.step();
  if (version.integer(0) > kSchemaVersion) {
    throw conflict(
        "{} was written by a newer Slipway (schema {}, this program knows {}): start that "
        "version, or use another data directory",
        path, version.integer(0), kSchemaVersion);
  }
  if (version.integer(0) == kSchemaVersion) return;
  version.reset();
  store::SqlTransaction transaction(db);
  db.exec(kSchema);
  db.exec(fmt::format("PRAGMA user_version={}", kSchemaVersion));
  transaction.commit();
}

// With the writer's lock, inside a transaction. table: "grp" or "stream".
int64_t EventStore::number_of(const char* table, const std::string& uid) {
  auto& db = writer_.db;
  auto find = db.prepare(fmt::format("SELECT id FROM {} WHERE uid = ?", table));
  if (find.bind(uid).step()) return find.integer(0);
  db.prepare(fmt::format("INSERT INTO {}(uid) VALUES(?)", table)).bind(uid).run();
  return db.last_insert_id();
}

int64_t EventStore::append(const std::string& group_uid, const std::string& stream_uid,
                           const std::vector<InputEvent>& events,
                           std::optional<uint64_t> first_ordinal, int64_t now_ms) {
  const std::lock_guard lock(writer_.mutex);
  auto& db = writer_.db;
  store::SqlTransaction transaction(db);
  const int64_t group = number_of("grp", group_uid);
  const int64_t stream = number_of("stream", stream_uid);
  size_t skip = 0;
  if (first_ordinal) {
    auto query = db.prepare("SELECT next_ordinal FROM stream WHERE id = ?");
    query.bind(stream).step();
    const auto next = static_cast<uint64_t>(query.integer(0));
    if (next > *first_ordinal) skip = std::min<uint64_t>(next - *first_ordinal, events.size());
  }
  auto insert =
      db.prepare("INSERT INTO event(grp, stream, ts, ingestion, message) VALUES(?, ?, ?, ?, ?)");
  int64_t bytes = 0;
  for (size_t i = skip; i < events.size(); ++i) {
    insert.bind(group, stream, events[i].timestamp_ms, now_ms, events[i].message).run();
    bytes += static_cast<int64_t>(events[i].message.size()) + kEventOverhead;
  }
  const int64_t last = db.last_insert_id();
  if (skip < events.size()) {
    db.prepare("UPDATE grp SET stored_bytes = stored_bytes + ? WHERE id = ?")
        .bind(bytes, group)
        .run();
    const uint64_t next = first_ordinal ? *first_ordinal + events.size() : 0;
    db.prepare(
          "UPDATE stream SET next_ordinal = max(next_ordinal, ?), last_ingestion = ? "
          "WHERE id = ?")
        .bind(next, now_ms, stream)
        .run();
  }
  transaction.commit();
  return last;
}

uint64_t EventStore::next_ordinal(const std::string& stream_uid) const {
  const std::lock_guard lock(reader_.mutex);
  auto query = reader_.db.prepare("SELECT next_ordinal FROM stream WHERE uid = ?");
  return query.bind(stream_uid).step() ? static_cast<uint64_t>(query.integer(0)) : 0;
}

std::vector<Event> EventStore::after(const std::string& stream_uid, TimeRange range,
                                     Position position, size_t limit) const {
  const int64_t stream = stream_number(stream_uid);
  const std::lock_guard lock(reader_.mutex);
  auto query = reader_.db.prepare(
      "SELECT ts, seq, ingestion, stream, message FROM event WHERE stream = ? AND ts >= ? AND "
      "ts < ? AND (ts, seq) > (?, ?) ORDER BY ts, seq");
  query.bind(stream, range.from_ms, range.until_ms, position.timestamp_ms, position.sequence);
  return read_page(query, limit);
}

std::vector<Event> EventStore::before(const std::string& stream_uid, TimeRange range,
                                      Position position, size_t limit) const {
  const int64_t stream = stream_number(stream_uid);
  const std::lock_guard lock(reader_.mutex);
  auto query = reader_.db.prepare(
      "SELECT ts, seq, ingestion, stream, message FROM event WHERE stream = ? AND ts >= ? AND "
      "ts < ? AND (ts, seq) < (?, ?) ORDER BY ts DESC, seq DESC");
  query.bind(stream, range.from_ms, range.until_ms, position.timestamp_ms, position.sequence);
  auto page = read_page(query, limit);
  std::reverse(page.begin(), page.end());
  return page;
}

void EventStore::scan(const std::string& group_uid, TimeRange range, Position position,
                      const std::function<bool(const Event&)>& visit) const {
  const std::lock_guard lock(reader_.mutex);
  auto query = reader_.db.prepare(
      "SELECT ts, seq, ingestion, stream, message FROM event WHERE grp = (SELECT id FROM grp "
      "WHERE uid = ?) AND ts >= ? AND ts < ? AND (ts, seq) > (?, ?) ORDER BY ts, seq");
  query.bind(group_uid, range.from_ms, range.until_ms, position.timestamp_ms, position.sequence);
  while (query.step() && visit(read_event(query))) {
  }
}

int64_t EventStore::stream_number(const std::string& stream_uid) const {
  const std::lock_guard lock(reader_.mutex);
  auto query = reader_.db.prepare("SELECT id FROM stream WHERE uid = ?");
  return query.bind(stream_uid).step() ? query.integer(0) : 0;
}

StreamInfo EventStore::info(const std::string& stream_uid) const {
  const int64_t stream = stream_number(stream_uid);
  const std::lock_guard lock(reader_.mutex);
  auto ends = reader_.db.prepare(
      "SELECT (SELECT min(ts) FROM event WHERE stream = ?1), (SELECT max(ts) FROM event WHERE "
      "stream = ?1), (SELECT last_ingestion FROM stream WHERE id = ?1)");
  ends.bind(stream).step();
  auto value = [&](int column) -> std::optional<int64_t> {
    if (ends.is_null(column)) return std::nullopt;
    return ends.integer(column);
  };
  return {value(0), value(1), value(2)};
}

int64_t EventStore::stored_bytes(const std::string& group_uid) const {
  const std::lock_guard lock(reader_.mutex);
  auto query = reader_.db.prepare("SELECT stored_bytes FROM grp WHERE uid = ?");
  return query.bind(group_uid).step() ? query.integer(0) : 0;
}

size_t EventStore::expire(const std::string& group_uid, int64_t before_ms) {
  size_t total = 0;
  // In portions, so that writers get their turn.
  for (;;) {
    const std::lock_guard lock(writer_.mutex);
    auto& db = writer_.db;
    store::SqlTransaction transaction(db);
    const int64_t group = number_of("grp", group_uid);
    auto sum = db.prepare(
        "SELECT coalesce(sum(length(CAST(message AS BLOB)) + ?), 0), count(*), max(seq) FROM "
        "(SELECT seq, message FROM event WHERE grp = ? AND ts < ? ORDER BY ts, seq LIMIT 5000)");
    sum.bind(kEventOverhead, group, before_ms).step();
    const int64_t bytes = sum.integer(0);
    const int64_t count = sum.integer(1);
    sum.reset();
    if (count == 0) return total;
    db.prepare(
          "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE grp = ? AND ts < ? "
          "ORDER BY ts, seq LIMIT 5000)")
        .bind(group, before_ms)
        .run();
    db.prepare("UPDATE grp SET stored_bytes = max(0, stored_bytes - ?) WHERE id = ?")
        .bind(bytes, group)
        .run();
    transaction.commit();
    total += static_cast<size_t>(count);
  }
}

std::vector<std::string> EventStore::stream_uids() const {
  const std::lock_guard lock(reader_.mutex);
  std::vector<std::string> out;
  auto query = reader_.db.prepare("SELECT uid FROM stream");
  while (query.step()) out.push_back(query.text(0));
  return out;
}

void EventStore::drop_stream(const std::string& stream_uid) {
  const std::lock_guard lock(writer_.mutex);
  auto& db = writer_.db;
  store::SqlTransaction transaction(db);
  const int64_t stream = number_of("stream", stream_uid);
  db.prepare(
        "UPDATE grp SET stored_bytes = max(0, stored_bytes - coalesce((SELECT "
        "sum(length(CAST(message AS BLOB)) + ?) FROM event WHERE stream = ? AND grp = "
        "grp.id), 0)) WHERE id IN (SELECT grp FROM event WHERE stream = ? LIMIT 1)")
      .bind(kEventOverhead, stream, stream)
      .run();
  db.prepare("DELETE FROM event WHERE stream = ?").bind(stream).run();
  db.prepare("DELETE FROM stream WHERE id = ?").bind(stream).run();
  transaction.commit();
}

}  // namespace slipway::logs
