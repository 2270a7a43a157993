// Lending connections, and the frame of every transaction.
#include "database/pool.h"

#include "base/error.h"
#include "base/stop.h"
#include "base/strings.h"

namespace jewelry {

namespace {
constexpr int kAttempts = 5;
constexpr auto kPatience = std::chrono::seconds(5);
constexpr size_t kConnections = 8;
}  // namespace

int64_t Rows::integer(size_t row, size_t column) const {
  const auto value = slipway::parse_int(text(row, column));
  if (!value) throw slipway::internal("a number was expected in the database");
  return *value;
}

std::string placeholders(size_t first, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += fmt::format("{}${}", i ? ", " : "", first + i);
  return out;
}

Pool::Pool(const char* kind, Connect connect, size_t size)
    : kind_(kind), connect_(std::move(connect)), free_(size) {}

std::unique_ptr<Connection> Pool::take() {
  std::unique_lock lock(mutex_);
  if (!returned_.wait_for(lock, kPatience, [&] { return free_ > 0; }))
    throw slipway::unavailable("the database is too busy");
  --free_;
  if (idle_.empty()) return nullptr;
  auto connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    ++free_;
    if (connection && connection->usable()) idle_.push_back(std::move(connection));
  }
  returned_.notify_one();
}

void Pool::transact(const std::function<void(Session&)>& fn, bool write) {
  for (int attempt = 1;; ++attempt) {
    auto connection = take();
    const slipway::Finally leave([&] { give_back(std::move(connection)); });
    if (!connection) connection = connect_();
    try {
      connection->begin(write);
      fn(*connection);
      connection->commit();
      return;
    } catch (const TryAgain& e) {
      connection->rollback();
      if (attempt == kAttempts)
        throw slipway::unavailable("the database is too busy: {}", e.what());
    } catch (...) {
      connection->rollback();
      throw;
    }
  }
}

std::unique_ptr<Database> open_database(const std::string& url) {
  if (url.starts_with("sqlite://")) {
    return std::make_unique<Pool>("sqlite", sqlite_connector(url.substr(9)), kConnections);
  }
  if (url.starts_with("postgres://") || url.starts_with("postgresql://"))
    return std::make_unique<Pool>("postgresql", postgres_connector(url), kConnections);
  throw slipway::invalid_argument(
      "DATABASE_URL must begin with sqlite:// or postgres:// (sqlite:///data/shop.db)");
}

}  // namespace jewelry
