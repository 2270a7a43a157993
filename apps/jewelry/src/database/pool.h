// A fixed number of connections, lent to one transaction at a time.
#pragma once
#include <condition_variable>
#include <mutex>

#include "database/database.h"

namespace jewelry {

class Connection : public Session {
 public:
  virtual void begin(bool write) = 0;
  virtual void commit() = 0;
  // After a failure; must not throw.
  virtual void rollback() noexcept = 0;
  // False when the connection must be thrown away.
  virtual bool usable() const = 0;
};

// Thrown by a Connection when the same transaction may succeed if it is run again.
struct TryAgain : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Pool final : public Database {
 public:
  using Connect = std::function<std::unique_ptr<Connection>()>;
  Pool(const char* kind, Connect connect, size_t size);
  void read(const std::function<void(Session&)>& fn) override { transact(fn, false); }
  void write(const std::function<void(Session&)>& fn) override { transact(fn, true); }
  const char* kind() const override { return kind_; }

 private:
  void transact(const std::function<void(Session&)>& fn, bool write);
  std::unique_ptr<Connection> take();
  void give_back(std::unique_ptr<Connection> connection);

  const char* kind_;
  Connect connect_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;
  size_t free_;  // connections that may still be taken, idle or not yet made
};

Pool::Connect sqlite_connector(const std::string& path);
Pool::Connect postgres_connector(const std::string& url);

}  // namespace jewelry
