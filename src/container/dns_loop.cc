// The loop of the name server, and the decision what is answered here and what is forwarded.
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "container/dns_server_impl.h"

namespace slipway::container::dns {
namespace {

constexpr auto tick = milliseconds(200);  // how exact timeouts are while something is under way
constexpr uint64_t wakeup_key = 0;

}  // namespace

Loop::Loop(const DnsNames& names_)
    : names(names_), epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll")) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = wakeup_key;
  check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wakeup.fd(), &event), "epoll");
}

uint64_t Loop::add(std::unique_ptr<Source> source, uint32_t events) {
  source->key = next_key_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = source->key;
  check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, source->fd.get(), &event), "epoll");
  const uint64_t key = source->key;
  sources_[key] = std::move(source);
  return key;
}

void Loop::watch(Source& source, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = source.key;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, source.fd.get(), &event);
}

void Loop::drop(uint64_t key) {
  const auto found = sources_.find(key);
  if (found == sources_.end()) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second->fd.get(), nullptr);
  found->second->fd.reset();  // at once: a socket keeps its namespace alive
  dropped_.push_back(std::move(found->second));
  sources_.erase(found);
}

Source* Loop::find(uint64_t key) {
  const auto found = sources_.find(key);
  return found == sources_.end() ? nullptr : found->second.get();
}

bool Loop::timed() const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [](const auto& entry) { return entry.second->deadline != SteadyTime::max(); });
}

void Loop::expire() {
  const auto now = std::chrono::steady_clock::now();
  std::vector<uint64_t> due;
  for (const auto& [key, source] : sources_) {
    if (source->deadline <= now) due.push_back(key);
  }
  for (const uint64_t key : due) {
    if (Source* source = find(key)) source->expired(*this);
  }
}

void Loop::run(const Stop& stop) {
  std::array<epoll_event, 64> events;
  bool under_way = false;
  while (!stop.requested()) {
    const int timeout = under_way ? static_cast<int>(tick.count() / 1000) : -1;
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    const std::lock_guard lock(mutex);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<size_t>(i)];
      if (event.data.u64 == wakeup_key) {
        wakeup.drain();
        continue;
      }
      Source* source = find(event.data.u64);
      if (source == nullptr) continue;  // dropped by an earlier event of this round
      try {
        source->ready(*this, event.events);
      } catch (const std::exception& e) {
        log::warning("dns", "{}", e.what());
        drop(event.data.u64);
      }
    }
    if (under_way) expire();
    dropped_.clear();
    under_way = timed();
  }
}

// The file is looked at each time, read only when it changed.
std::vector<std::string> Loop::servers_for(const Seat& seat) {
  if (!seat.servers.empty()) return seat.servers;
  struct stat info {};
  if (::stat("/etc/resolv.conf", &info) != 0) return {};
  const int64_t time = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  if (time != host_file_time_) {
    host_servers_ = DnsServer::servers_of(read_file_if_exists("/etc/resolv.conf").value_or(""));
    host_file_time_ = time;
  }
  return host_servers_;
}

std::optional<std::string> Loop::local_reply(const Seat& seat, const std::string& request,
                                             const Query& query, size_t limit) {
  constexpr uint16_t class_internet = 1;
  if (query.qclass != class_internet) return std::nullopt;
  Answer answer;
  if (query.type == type_ptr) {
    auto name = pointer_of(seat, query.name);
    if (!name) return std::nullopt;
    answer.pointer = std::move(*name);
    return make_reply(request, query, no_error, answer, limit);
  }
  auto found = names.resolve(seat.container, query.name);
  if (!found.known) return std::nullopt;
  // A name of ours has no other records: an empty answer, not a question for others.
  if (query.type == type_a || query.type == type_any) {
    std::shuffle(found.ip.begin(), found.ip.end(), random);
    answer.addresses = std::move(found.ip);
  }
  if (query.type == type_aaaa || query.type == type_any) {
    std::shuffle(found.ip6.begin(), found.ip6.end(), random);
    answer.addresses6 = std::move(found.ip6);
  }
  return make_reply(request, query, no_error, answer, limit);
}

std::optional<std::string> Loop::pointer_of(const Seat& seat, const std::string& name) const {
  if (const auto address = reverse_address(name)) return names.reverse(seat.container, *address);
  if (const auto address = reverse_address6(name)) return names.reverse(seat.container, *address);
  return std::nullopt;
}

void Loop::handle(const SeatPtr& seat, std::string request, bool tcp, Reply reply) {
  constexpr size_t most_questions = 256;
  const auto parsed = parse_query(request);
  if (!parsed.query) {
    if (parsed.refusal) reply(*this, make_refusal(request, *parsed.refusal));
    return;
  }
  const Query& query = *parsed.query;
  const size_t limit = tcp ? message_limit : query.udp_size;
  if (auto local = local_reply(*seat, request, query, limit)) {
    reply(*this, std::move(*local));
    return;
  }
  auto servers = servers_for(*seat);
  if (servers.empty() || seat->questions >= most_questions ||
      !names.reaches_outside(seat->container)) {
    reply(*this, make_reply(request, query, server_failure, {}, limit));
    return;
  }
  forward(*this, seat, std::move(request), std::move(servers), tcp, std::move(reply));
}

}  // namespace slipway::container::dns
