// The inside of DnsServer: sources of events on one epoll set, all handled by one thread under one
// lock. Nothing here blocks.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <random>
#include <thread>

#include "base/clock.h"
#include "base/fd.h"
#include "base/stop.h"
#include "container/dns_message.h"
#include "container/dns_server.h"

namespace slipway::container::dns {

class Loop;

// Something with a descriptor in the loop. Destroyed by Loop::drop.
struct Source {
  virtual ~Source() = default;
  virtual void ready(Loop& loop, uint32_t events) = 0;
  virtual void expired(Loop& loop) { (void)loop; }
  Fd fd;
  uint64_t key = 0;
  SteadyTime deadline = SteadyTime::max();
};

// A container's place: what its queries share.
struct Seat {
  std::string container;
  std::vector<std::string> servers;
  size_t questions = 0, connections = 0;  // under way
  uint64_t udp_key = 0, tcp_key = 0;
  bool gone = false;
};
using SeatPtr = std::shared_ptr<Seat>;

// Where a reply goes. The transport may be gone by then.
using Reply = std::function<void(Loop& loop, std::string message)>;

class Loop {
 public:
  explicit Loop(const DnsNames& names_);
  void run(const Stop& stop);

  // With the mutex held:
  uint64_t add(std::unique_ptr<Source> source, uint32_t events);
  void watch(Source& source, uint32_t events);
  // Not destroyed before the present event is handled.
  void drop(uint64_t key);
  Source* find(uint64_t key);
  // Answers, or forwards. limit: of the reply's size.
  void handle(const SeatPtr& seat, std::string request, bool tcp, Reply reply);

  std::mutex mutex;
  std::map<std::string, SeatPtr> seats;
  const DnsNames& names;
  std::mt19937 random{std::random_device{}()};
  Wakeup wakeup;

 private:
  std::optional<std::string> local_reply(const Seat& seat, const std::string& request,
                                         const Query& query, size_t limit);
  std::optional<std::string> pointer_of(const Seat& seat, const std::string& name) const;
  std::vector<std::string> servers_for(const Seat& seat);
  void expire();
  bool timed() const;

  Fd epoll_;
  uint64_t next_key_ = 1;
  std::map<uint64_t, std::unique_ptr<Source>> sources_;
  std::vector<std::unique_ptr<Source>> dropped_;
  std::vector<std::string> host_servers_;
  int64_t host_file_time_ = -1;
};

// A name server's address with port 53; nullopt when it is none.
struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
std::optional<Address> server_address(const std::string& text);

// dns_forward.cc: asks the servers in turn and replies; SERVFAIL when none of them answers.
void forward(Loop& loop, const SeatPtr& seat, std::string request, std::vector<std::string> servers,
             bool tcp, Reply reply);

// dns_server.cc: the two sockets of a container.
std::unique_ptr<Source> udp_door(SeatPtr seat, Fd socket);
std::unique_ptr<Source> tcp_door(SeatPtr seat, Fd socket);

}  // namespace slipway::container::dns
