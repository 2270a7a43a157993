#include "agent/network.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "linux/caps.h"
#include "linux/links.h"
#include "linux/netns.h"
#include "linux/nft.h"

namespace slipway::agent {
namespace {

constexpr std::string_view ranges_table = "agent_vpc_ranges";
constexpr const char* task_table_name = "slipway_tasks";

std::string tail_of(const std::string& id, size_t count) {
  std::string kept;
  for (const char c : id) {
    if (std::isalnum(static_cast<unsigned char>(c))) kept += c;
  }
  return kept.size() > count ? kept.substr(kept.size() - count) : kept;
}

// Given and stable, so that it does not change with the bridge's members.
std::string bridge_mac(const std::string& subnet_id) {
  uint64_t hash = 1469598103934665603u;
  for (const char c : subnet_id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return fmt::format("02:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", hash & 255, hash >> 8 & 255,
                     hash >> 16 & 255, hash >> 24 & 255, hash >> 32 & 255);
}

// Niceties that a read-only /proc/sys may refuse.
void try_sysctl(const std::string& name, const std::string& value) {
  try {
    linux::ensure_sysctl(name, value);
  } catch (const Error& e) {
    log::debug("agent", "{}", e.what());
  }
}

}  // namespace

std::string bridge_name(const std::string& subnet_id) {
  return "sw-" + tail_of(subnet_id, 12);
}

std::string veth_name(const std::string& task_id) {
  return "swt" + tail_of(task_id, 12);
}

std::string masquerade_rules(const std::set<std::string>& vpc_cidrs) {
  std::string text = fmt::format("add table ip {0}\ndelete table ip {0}\n", task_table_name);
  if (vpc_cidrs.empty()) return text;
  text += fmt::format("table ip {} {{\n", task_table_name);
  text += " set vpcs { type ipv4_addr; flags interval; auto-merge; elements = { " +
          join({vpc_cidrs.begin(), vpc_cidrs.end()}, ", ") + " } }\n";
  text +=
      " chain outside {\n"
      "  type nat hook postrouting priority 100; policy accept;\n"
      "  ip saddr @vpcs ip daddr != @vpcs ip daddr != 127.0.0.0/8 masquerade\n"
      " }\n}\n";
  return text;
}

struct TaskNetwork::Impl {
  Impl(std::string root, store::Store& db) : netns_root(std::move(root)), store(db) {}

  const std::string netns_root;
  store::Store& store;
  std::mutex mutex;                     // held across netlink, which does not block
  std::set<std::string> subnets, vpcs;  // standing
  std::unique_ptr<linux::Nft> nft;

  void ensure_subnet(linux::Links& links, const NetworkInterface& interface);
  void ensure_vpc(linux::Links& links, const std::string& cidr);
  void connect(linux::Links& links, const std::string& task_id, const std::string& path,
               const NetworkInterface& interface);
  std::set<std::string> known_ranges() const;
  linux::Nft& rules() {
    if (!nft) nft = std::make_unique<linux::Nft>();
    return *nft;
  }
};

TaskNetwork::TaskNetwork(std::string netns_root, store::Store& store)
    : impl_(std::make_unique<Impl>(std::move(netns_root), store)) {}

TaskNetwork::~TaskNetwork() = default;

std::string TaskNetwork::netns_path(const std::string& task_id) const {
  return impl_->netns_root + "/" + task_id;
}

std::set<std::string> TaskNetwork::Impl::known_ranges() const {
  std::set<std::string> ranges;
  store.read([&](const store::Reader& db) {
    for (const auto& row : db.scan(ranges_table)) ranges.insert(row.key);
  });
  return ranges;
}

// The range is noted before its route is made, so that tear_down() finds it whatever happens.
void TaskNetwork::Impl::ensure_vpc(linux::Links& links, const std::string& cidr) {
  if (vpcs.contains(cidr)) return;
  const auto range = linux::Cidr4::parse(cidr).text();
  if (!known_ranges().contains(range))
    store.write([&](store::Writer& db) { db.put(ranges_table, range, "{}"); });
  linux::ensure_sysctl("net.ipv4.ip_forward", "1");
  // More specific routes, those of the subnets' bridges, go first.
  links.add_route({.destination = range, .blackhole = true});
  auto all = vpcs;
  all.insert(range);
  rules().run(masquerade_rules(all));
  vpcs = std::move(all);
}

void TaskNetwork::Impl::ensure_subnet(linux::Links& links, const NetworkInterface& interface) {
  ensure_vpc(links, interface.vpc_cidr.empty() ? interface.subnet_cidr : interface.vpc_cidr);
  if (subnets.contains(interface.subnet_id)) return;
  const auto subnet = linux::Cidr4::parse(interface.subnet_cidr);
  const auto name = bridge_name(interface.subnet_id);
  links.add_bridge(name, bridge_mac(interface.subnet_id));
  links.add_address(name, fmt::format("{}/{}", subnet.host(1), subnet.prefix));
  try_sysctl("net/ipv6/conf/" + name + "/disable_ipv6", "1");
  links.set_up(name);
  subnets.insert(interface.subnet_id);
}

void TaskNetwork::Impl::connect(linux::Links& links, const std::string& task_id,
                                const std::string& path, const NetworkInterface& interface) {
  const auto subnet = linux::Cidr4::parse(interface.subnet_cidr);
  const auto ours = veth_name(task_id);
  const Fd netns = linux::open_netns(path);
  linux::Links inside(path);
  // Half a pair of an earlier attempt: its other end went with another namespace.
  if (!inside.find("eth0")) links.remove(ours);
  linux::Veth veth;
  veth.name = ours;
  veth.peer_name = "eth0";
  veth.peer_netns = netns.get();
  veth.peer_mac = interface.mac;
  links.add_veth(veth);
  links.set_master(ours, bridge_name(interface.subnet_id));
  links.set_up(ours);
  linux::in_netns(netns.get(), [] {
    try_sysctl("net/ipv6/conf/eth0/disable_ipv6", "1");
    // Announces a reused address, so that nobody keeps the previous task's MAC.
    try_sysctl("net/ipv4/conf/eth0/arp_notify", "1");
    try_sysctl("net/ipv4/ip_unprivileged_port_start", "0");
  });
  inside.add_address("eth0", fmt::format("{}/{}", interface.ip, subnet.prefix));
  inside.set_up("eth0");
  inside.add_route({.destination = "default", .via = subnet.host(1)});
}

void TaskNetwork::attach(const std::string& task_id, const NetworkInterface& interface) {
  const std::lock_guard lock(impl_->mutex);
  const auto subnet = linux::Cidr4::parse(interface.subnet_cidr);
  if (!subnet.contains(linux::parse_ipv4(interface.ip)))
    throw invalid_argument("address {} is not in subnet {}", interface.ip, interface.subnet_cidr);
  linux::Links links;
  impl_->ensure_subnet(links, interface);
  const auto path = netns_path(task_id);
  linux::create_netns(path);
  impl_->connect(links, task_id, path, interface);
}

void TaskNetwork::detach(const std::string& task_id) {
  const std::lock_guard lock(impl_->mutex);
  linux::Links().remove(veth_name(task_id));
  linux::delete_netns(netns_path(task_id));
}

void TaskNetwork::restore(const std::set<std::string>& keep_task_ids) {
  const std::lock_guard lock(impl_->mutex);
  linux::Links links;
  std::set<std::string> keep;
  for (const auto& id : keep_task_ids) keep.insert(veth_name(id));
  for (const auto& link : links.list("swt")) {
    if (link.kind == "veth" && !keep.contains(link.name)) links.remove(link.name);
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(impl_->netns_root, error)) {
    if (!keep_task_ids.contains(entry.path().filename())) linux::delete_netns(entry.path());
  }
}

void TaskNetwork::tear_down() {
  restore({});
  const std::lock_guard lock(impl_->mutex);
  linux::Links links;
  for (const auto& link : links.list("sw-")) {
    if (link.kind == "bridge") links.remove(link.name);
  }
  for (const auto& range : impl_->known_ranges())
    links.remove_route({.destination = range, .blackhole = true});
  impl_->rules().run(masquerade_rules({}));
  impl_->store.write([&](store::Writer& db) {
    for (const auto& row : db.scan(ranges_table)) db.erase(ranges_table, row.key);
  });
  impl_->subnets.clear();
  impl_->vpcs.clear();
  remove_tree(impl_->netns_root);
}

}  // namespace slipway::agent
