// What the daemon and the agents use: groups and streams made on demand, events from containers,
// the sweep; and the operation table.
#include "logs/logs.h"

#include "base/error.h"
#include "base/ids.h"
#include "base/log.h"
#include "logs/model.h"

namespace slipway::logs {

Logs::Logs(const std::string& path, store::Store& store, Clock& clock)
    : impl_(new Impl{EventStore(path), store, clock}) {}
Logs::~Logs() = default;

bool Logs::group_exists(const std::string& account, const std::string& region,
                        const std::string& group) const {
  bool found = false;
  impl_->store.read([&](const store::Reader& db) {
    found = groups.get(db, scope(account, region) + group) != nullptr;
  });
  return found;
}

void Logs::ensure_group(const std::string& account, const std::string& region,
                        const std::string& group) {
  if (group_exists(account, region, group)) return;
  check_group_name(group);
  impl_->store.write([&](store::Writer& db) {
    const std::string key = scope(account, region) + group;
    if (groups.get(db, key)) return;
    groups.put(
        db, key,
        Group{.name = group, .uid = random_hex(16), .created_ms = to_epoch_ms(impl_->clock.now())});
  });
}

void Logs::ensure_stream(const std::string& account, const std::string& region,
                         const std::string& group, const std::string& stream) {
  check_stream_name(stream);
  impl_->store.write([&](store::Writer& db) {
    const std::string group_key = scope(account, region) + group;
    if (!groups.get(db, group_key))
      throw not_found("The specified log group does not exist: {}", group);
    const std::string key = stream_key(group_key, stream);
    if (streams.get(db, key)) return;
    streams.put(db, key, {stream, random_hex(16), to_epoch_ms(impl_->clock.now())});
  });
}

void Logs::put(const std::string& account, const std::string& region, const std::string& group,
               const std::string& stream, const std::vector<InputEvent>& events,
               uint64_t first_ordinal) {
  std::shared_ptr<const Group> group_row;
  std::shared_ptr<const Stream> stream_row;
  impl_->store.read([&](const store::Reader& db) {
    const std::string key = scope(account, region) + group;
    group_row = groups.get(db, key);
    stream_row = streams.get(db, stream_key(key, stream));
  });
  if (!group_row) throw not_found("The specified log group does not exist: {}", group);
  if (!stream_row) throw not_found("The specified log stream does not exist: {}", stream);
  if (events.empty()) return;
  impl_->events.append(group_row->uid, stream_row->uid, events, first_ordinal,
                       to_epoch_ms(impl_->clock.now()));
}

uint64_t Logs::next_ordinal(const std::string& account, const std::string& region,
                            const std::string& group, const std::string& stream) const {
  std::shared_ptr<const Stream> row;
  impl_->store.read([&](const store::Reader& db) {
    row = streams.get(db, stream_key(scope(account, region) + group, stream));
  });
  return row ? impl_->events.next_ordinal(row->uid) : 0;
}

size_t Logs::sweep() {
  // First what the events' file has, then what the store has: a stream that is in the first and
  // not in the second was deleted, not just made.
  const auto known = impl_->events.stream_uids();
  std::set<std::string> living;
  std::vector<std::shared_ptr<const Group>> limited;
  impl_->store.read([&](const store::Reader& db) {
    for (const auto& stream : streams.scan(db)) living.insert(stream->uid);
    for (auto& group : groups.scan(db)) {
      if (group->retention_days) limited.push_back(std::move(group));
    }
  });
  for (const auto& uid : known) {
    if (!living.contains(uid)) impl_->events.drop_stream(uid);
  }
  size_t expired = 0;
  for (const auto& group : limited)
    expired += impl_->events.expire(group->uid, oldest_kept_ms(*group, impl_->clock.now()));
  if (expired > 0) log::debug("logs", "{} expired events deleted", expired);
  return expired;
}

aws::Service service(Logs& self) {
  namespace op = m::op;
  using aws::Transaction;
  return {"logs",
          {
              aws::op<op::CreateLogGroup>(self, create_group),
              aws::op<op::DeleteLogGroup>(self, delete_group),
              aws::op<op::DescribeLogGroups>(self, describe_groups),
              aws::op<op::ListLogGroups>(self, list_groups),
              aws::op<op::PutRetentionPolicy>(self, put_retention),
              aws::op<op::DeleteRetentionPolicy>(self, delete_retention),
              aws::op<op::TagResource>(self, tag_resource),
              aws::op<op::UntagResource>(self, untag_resource),
              aws::op<op::ListTagsForResource>(self, list_tags),
              aws::op<op::TagLogGroup>(self, tag_group),
              aws::op<op::UntagLogGroup>(self, untag_group),
              aws::op<op::ListTagsLogGroup>(self, list_group_tags),
              aws::op<op::CreateLogStream>(self, create_stream),
              aws::op<op::DeleteLogStream>(self, delete_stream),
              aws::op<op::DescribeLogStreams>(self, describe_streams),
              // Events go to their own database: no need for the store's write turn.
              aws::op<op::PutLogEvents>(self, put_events, {.transaction = Transaction::read}),
              aws::op<op::GetLogEvents>(self, get_events),
              aws::op<op::FilterLogEvents>(self, filter_events, {.transaction = Transaction::read}),
          }};
}

}  // namespace slipway::logs
