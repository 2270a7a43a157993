// Networks of users' own with real containers: names, addresses, several at once, changes while
// they run, and a restart of the daemon.
#include "container/networks.h"
#include "container/root_fixture.h"
#include "linux/netns.h"

namespace slipway::container {
namespace {

class ROOT_Networks : public ROOT_Engine {
 protected:
  NetworkInfo make(const std::string& name, const std::string& subnet = {}, bool internal = false) {
    NetworkInfo wanted;
    wanted.name = name;
    wanted.subnet = subnet;
    wanted.subnet_chosen = !subnet.empty();
    wanted.internal = internal;
    return engine_->networks().create(wanted);
  }
  std::string sleeper(const std::string& name, const std::string& network) {
    Spec wanted = spec({"sleep", "1000"});
    wanted.name = name;
    wanted.network_mode = network;
    return run_detached(wanted);
  }
  std::string in(const std::string& id, const std::string& script) {
    ExecSpec wanted;
    wanted.cmd = {"sh", "-c", script};
    return exec(id, wanted).out;
  }
  // The addresses our name server gives, a space behind each.
  std::string resolve(const std::string& id, const std::string& name) {
    const std::string said = in(id, "busybox nslookup " + name + " 127.0.0.11 2>&1");
    std::set<std::string> found;
    bool answer = false;
    for (const std::string& line : split(said, '\n')) {
      answer = answer || line.starts_with("Name:");
      if (answer && line.starts_with("Address")) found.insert(line.substr(line.rfind(' ') + 1));
    }
    return join({found.begin(), found.end()}, " ");
  }
  bool reaches(const std::string& id, const std::string& ip) {
    return contains(in(id, "busybox ping -c 1 -W 1 " + ip), "1 packets received");
  }
  std::string ip(const std::string& id, const std::string& network) {
    for (const Endpoint& endpoint : engine_->inspect(id).endpoints) {
      if (endpoint.network == network) return endpoint.ip;
    }
    return {};
  }
};

TEST_F(ROOT_Networks, containers_find_each_other_by_name_and_networks_are_apart) {
  make("front");
  make("back");
  const auto web = sleeper("web", "front"), db = sleeper("db", "front"),
             other = sleeper("other", "back"), plain = sleeper("plain", "");
  EXPECT_EQ(ip(web, "front"), "172.18.0.2");
  EXPECT_EQ(in(web, "cat /etc/resolv.conf").find("nameserver 127.0.0.11\n"), 0u);
  EXPECT_EQ(resolve(web, "db"), ip(db, "front"));
  EXPECT_EQ(resolve(web, db.substr(0, 12)), ip(db, "front"));
  EXPECT_EQ(resolve(other, "db"), "");
  EXPECT_TRUE(reaches(web, ip(db, "front")));
  EXPECT_TRUE(reaches(web, "172.18.0.1"));
  EXPECT_FALSE(reaches(web, ip(other, "back")));
  EXPECT_FALSE(reaches(web, ip(plain, "bridge")));
  EXPECT_FALSE(reaches(plain, ip(web, "front")));
  engine_->rename(db, "store");
  EXPECT_EQ(resolve(web, "store"), ip(db, "front"));
  EXPECT_EQ(resolve(web, "db"), "");
  EXPECT_THROW(engine_->networks().remove(engine_->networks().get("front").id, "web"), Error);
}

TEST_F(ROOT_Networks, a_running_container_changes_networks) {
  make("front", "10.7.0.0/24");
  make("back", "10.8.0.0/24");
  const auto web = sleeper("web", "front"), db = sleeper("db", "back");
  EndpointSpec wanted;
  wanted.network = "back";
  wanted.ipv4 = "10.8.0.9";
  wanted.aliases = {"api"};
  engine_->connect(web, wanted);
  EXPECT_EQ(ip(web, "back"), "10.8.0.9");
  EXPECT_TRUE(reaches(web, ip(db, "back")));
  EXPECT_EQ(resolve(db, "api"), "10.8.0.9");
  EXPECT_THROW(engine_->connect(web, wanted), Error);
  engine_->disconnect(web, "front");
  EXPECT_EQ(in(web, "ip route"),
            "default via 10.8.0.1 dev eth1 \n10.8.0.0/24 dev eth1 scope link  src 10.8.0.9 \n");
  EXPECT_THROW(engine_->disconnect(web, "front"), Error);
  engine_->restart(web, 0);
  EXPECT_EQ(ip(web, "back"), "10.8.0.9");
  EXPECT_EQ(engine_->inspect(web).endpoints.size(), 1u);
}

TEST_F(ROOT_Networks, names_and_addresses_outlive_the_daemon) {
  make("front");
  const auto web = sleeper("web", "front"), db = sleeper("db", "front");
  const std::string before = ip(db, "front");
  engine_.reset();
  open();
  EXPECT_EQ(ip(db, "front"), before);
  EXPECT_EQ(resolve(web, "db"), before);
  EXPECT_NE(ip(sleeper("new", "front"), "front"), before);
  EXPECT_EQ(resolve(web, "new"), ip("new", "front"));
}

TEST_F(ROOT_Networks, an_internal_network_leads_nowhere) {
  make("closed", "", true);
  make("open");
  const auto a = sleeper("aa", "closed"), b = sleeper("bb", "closed"), out = sleeper("cc", "open");
  EXPECT_TRUE(reaches(a, ip(b, "closed")));
  EXPECT_FALSE(reaches(a, ip(out, "open")));
  EXPECT_FALSE(contains(in(a, "ip route"), "default"));
  EXPECT_EQ(resolve(a, "bb"), ip(b, "closed"));
}

TEST_F(ROOT_Networks, ipv6_is_given_routed_named_and_found_again) {
  const auto make_six = [&](const std::string& name, const std::string& subnet) {
    NetworkInfo wanted;
    wanted.name = name;
    wanted.ipv6 = true;
    wanted.six.subnet = subnet;
    wanted.six.subnet_chosen = !subnet.empty();
    return engine_->networks().create(wanted);
  };
  const auto six = [&](const std::string& id, const std::string& network) {
    for (const Endpoint& endpoint : engine_->inspect(id).endpoints) {
      if (endpoint.network == network) return endpoint.ip6;
    }
    return std::string();
  };
  make_six("front", "fd00:71::/64");
  EXPECT_THROW(make_six("same", "fd00:71::/80"), Error);
  make_six("back", "");
  Spec server = spec({"nc", "-ll", "-p", "80", "-e", "echo", "served"});
  server.network_mode = "front";
  server.ports = {{80, "tcp", "", 18082}};
  const auto web = run_detached(server);
  const auto db = sleeper("db", "front"), other = sleeper("other", "back");
  EXPECT_EQ(six(web, "front"), "fd00:71::2");
  EXPECT_EQ(engine_->inspect(web).ports.size(), 2u);  // of both families
  EXPECT_TRUE(reaches(db, "fd00:71::2"));
  EXPECT_FALSE(reaches(other, "fd00:71::2"));
  EXPECT_TRUE(contains(resolve(web, "db"), six(db, "front")));
  EXPECT_TRUE(contains(in(db, "ip -6 route"), "default via fd00:71::1 dev eth0"));
  const auto asked = [&](const char* address) {
    return in(other, std::string("nc -w 1 ") + address + " 18082 </dev/null");
  };
  EXPECT_TRUE(eventually([&] { return asked("fd00:71::1") == "served\n"; }));
  engine_.reset();
  open();
  EXPECT_EQ(six(web, "front"), "fd00:71::2");
  EXPECT_EQ(asked("fd00:71::1"), "served\n");
  EXPECT_NE(six(sleeper("new", "front"), "front"), six(db, "front"));
  EndpointSpec wanted;
  wanted.network = "back";
  engine_->connect(db, wanted);
  EXPECT_TRUE(contains(in(db, "ip -6 route"), "dev eth1"));
  engine_->disconnect(db, "front");
  EXPECT_FALSE(reaches(db, "fd00:71::2"));
  EXPECT_TRUE(reaches(db, six(other, "back")));
}

TEST_F(ROOT_Networks, a_published_port_follows_its_container) {
  make("front");
  make("back");
  Spec server = spec({"nc", "-ll", "-p", "80", "-e", "echo", "served"});
  server.network_mode = "front";
  server.ports = {{80, "tcp", "", 18081}};
  const auto id = run_detached(server);
  const auto client = sleeper("client", "back");
  const auto asked = [&] { return in(client, "nc -w 1 172.19.0.1 18081 </dev/null"); };
  EXPECT_TRUE(eventually([&] { return asked() == "served\n"; }));
  EndpointSpec wanted;
  wanted.network = "back";
  engine_->connect(id, wanted);
  engine_->disconnect(id, "front");
  EXPECT_EQ(asked(), "served\n");
  EXPECT_EQ(in(id, "nc -w 1 172.19.0.1 18081 </dev/null"), "served\n");  // itself
  engine_->disconnect(id, "back");
  EXPECT_EQ(asked(), "");
  EXPECT_TRUE(engine_->inspect(id).ports.empty());
}

TEST_F(ROOT_Networks, links_of_nobody_are_swept) {
  make("front");
  const auto web = sleeper("web", "front");
  const auto bridge = engine_->networks().get("front").bridge;
  linux::Veth stray;
  stray.name = "sw-0123456789a";
  stray.peer_name = "stray-peer";
  stray.master = bridge;
  linux::Links links;
  ASSERT_TRUE(links.add_veth(stray));
  engine_.reset();
  open();
  EXPECT_FALSE(links.find(stray.name));
  EXPECT_TRUE(reaches(web, "172.18.0.1"));
}

// Prints, does not judge.
TEST_F(ROOT_Networks, tells_how_long_one_takes_with_names) {
  make("front");
  std::vector<double> start;
  for (int i = 0; i < 15; ++i) {
    Spec wanted = spec({"true"});
    wanted.network_mode = "front";
    const auto t0 = std::chrono::steady_clock::now();
    const std::string id = engine_->create(wanted);
    engine_->start(id);
    const auto t1 = std::chrono::steady_clock::now();
    engine_->wait(id, WaitCondition::not_running, Stop());
    engine_->remove(id, true, true);
    start.push_back(std::chrono::duration<double, std::milli>(t1 - t0).count());
  }
  std::sort(start.begin(), start.end());
  std::cerr << fmt::format("own network: started after {:.1f} ms (median)\n",
                           start[start.size() / 2]);
}

}  // namespace
}  // namespace slipway::container
