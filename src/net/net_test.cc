// Server and client against each other, and the server against raw bytes, over loopback and unix
// sockets.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "net/http.h"
#include "net/message.h"
#include "net/socket.h"

namespace slipway::net {
namespace {

const Stop kNever;

Waiting patience() {
  return {kNever, deadline_in(milliseconds(10'000))};
}

// A connection that speaks raw bytes.
struct Raw {
  explicit Raw(uint16_t port)
      : transport(plain_transport(connect_tcp("127.0.0.1", std::to_string(port), patience()))) {}
  void send(std::string_view bytes) { transport->write(bytes, patience()); }
  // Until text appears (or the end).
  std::string read_until(std::string_view text) {
    char block[4096];
    while (got.find(text) == std::string::npos) {
      const size_t n = transport->read(block, patience());
      if (n == 0) break;
      got.append(block, n);
    }
    const auto end = got.find(text);
    const auto cut = end == std::string::npos ? got.size() : end + text.size();
    const auto out = got.substr(0, cut);
    got.erase(0, cut);
    return out;
  }
  std::string read_to_end() { return read_until("\x01never\x01"); }
  std::unique_ptr<Transport> transport;
  std::string got;
};

void echo(Exchange& exchange) {
  const auto body = exchange.read_all(100 << 20);
  exchange.respond(200, {{"X-Method", exchange.request().method}}, body);
}

struct Fixture {
  explicit Fixture(Handler handler, ServerOptions options = {})
      : server(std::move(handler), options), port(server.listen_tcp("127.0.0.1", 0)) {}
  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port) + path;
  }
  Server server;
  uint16_t port;
};

std::string raw_exchange(const Fixture& fixture, std::string_view bytes) {
  Raw raw(fixture.port);
  raw.send(bytes);
  return raw.read_to_end();
}

// The server's loop notices things in its own time.
bool eventually(const std::function<bool()>& condition) {
  const auto deadline = deadline_in(milliseconds(10'000));
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    kNever.wait_for(milliseconds(2));
  }
  return true;
}

TEST(Http, RequestAndAnswerBothWays) {
  Fixture fixture([](Exchange& e) {
    const auto& r = e.request();
    EXPECT_TRUE(r.peer.starts_with("127.0.0.1:")) << r.peer;
    e.respond(201, {{"X-Seen", r.path + "|" + r.query + "|" + std::string(r.headers.get("x-a"))}},
              "hello");
  });
  auto response = request({.url = fixture.url("/a%20b?c=d?e"), .headers = {{"X-A", "1"}}});
  EXPECT_EQ(response->status(), 201);
  EXPECT_EQ(response->headers().get("x-seen"), "/a%20b|c=d?e|1");
  EXPECT_EQ(response->read_all(), "hello");
}

TEST(Http, ChunkedBothWays) {
  Fixture fixture([](Exchange& e) {
    e.begin(200, {});
    std::vector<char> block(1000);
    while (const size_t n = e.read(block)) e.write({block.data(), n});
    e.finish();
  });
  std::string sent;
  int pieces = 0;
  ClientRequest upload{.method = "POST", .url = fixture.url()};
  upload.body_source = [&](std::span<char> into) -> size_t {
    if (++pieces > 200) return 0;
    std::string piece(static_cast<size_t>(pieces) * 7, static_cast<char>('a' + pieces % 26));
    std::copy(piece.begin(), piece.end(), into.begin());
    sent += piece;
    return piece.size();
  };
  auto response = request(upload);
  EXPECT_EQ(response->headers().get("Transfer-Encoding"), "chunked");
  EXPECT_EQ(response->read_all(), sent);
}

TEST(Http, LargeBodyWithLengthAndSendFile) {
  const std::string path = "/tmp/slipway-net-" + random_hex(8);
  const std::string content = random_bytes(3 << 20);
  write_file(path, content);
  const Fd file = open_file(path, O_RDONLY);
  ::unlink(path.c_str());
  Fixture fixture([&](Exchange& e) {
    const bool chunked = e.request().query == "chunked";
    e.begin(200, {}, chunked ? std::optional<uint64_t>() : content.size() - 5);
    e.send_file(file.get(), 5, content.size() - 5);
    e.finish();
  });
  EXPECT_EQ(request({.url = fixture.url()})->read_all(), content.substr(5));
  EXPECT_EQ(request({.url = fixture.url("/?chunked")})->read_all(), content.substr(5));
}

TEST(Http, KeepAliveServesPipelinedRequestsInOrder) {
  Fixture fixture(echo);
  const auto got = raw_exchange(
      fixture,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const auto one = got.find("one");
  const auto two = got.find("two");
  EXPECT_LT(one, two);
  EXPECT_NE(got.find("X-Method: GET", two), std::string::npos) << got;
}

TEST(Http, MessageMayArriveByteByByte) {
  for (const std::string_view chunks : {"0\r\n\r\n", "3;a=b\r\nabc\r\n00\r\nTrailer: x\r\n\r\n"}) {
    auto message = read_request(4096);
    InputBuffer in;
    std::string body;
    char block[10];
    bool head = false;
    const auto bytes =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunks);
    for (const char& byte : bytes) {
      EXPECT_FALSE(message->done() && head);
      in.append({&byte, 1});
      if (!head) head = message->parse_head(in);
      if (head) body.append(block, message->parse_body(in, block));
    }
    EXPECT_TRUE(message->done());
    EXPECT_EQ(body, chunks[0] == '0' ? "" : "abc");
  }
}

TEST(Http, BodyThatTheHandlerIgnoresDoesNotBecomeTheNextRequest) {
  Fixture fixture([](Exchange& e) { e.respond(200, {}, e.request().path); });
  const auto got = raw_exchange(fixture,
                                "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 26\r\n\r\n"
                                "GET /smuggled HTTP/1.1\r\n\r\n"
                                "GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(got.find("/smuggled"), std::string::npos) << got;
  EXPECT_NE(got.find("/second"), std::string::npos) << got;
}

TEST(Http, ExpectContinueIsAnsweredWhenTheBodyIsWanted) {
  Fixture fixture([](Exchange& e) {
    if (e.request().path == "/refuse") return e.respond(403, {}, "no");
    echo(e);
  });
  Raw raw(fixture.port);
  raw.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(raw.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  raw.send("body");
  EXPECT_TRUE(raw.read_until("\r\n\r\nbody").starts_with("HTTP/1.1 200 OK"));
  raw.send("PUT /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  const auto refused = raw.read_to_end();  // closed: the body may or may not come
  EXPECT_TRUE(refused.starts_with("HTTP/1.1 403")) << refused;
  EXPECT_EQ(refused.find("100 Continue"), std::string::npos);
}

TEST(Http, HeadAndBodilessAnswersHaveNoBody) {
  Fixture fixture([](Exchange& e) {
    if (e.request().path == "/204") return e.respond(204, {}, "ignored");
    e.respond(200, {}, "12345");
  });
  auto head = request({.method = "HEAD", .url = fixture.url()});
  EXPECT_EQ(head->headers().get("Content-Length"), "5");
  EXPECT_EQ(head->read_all(), "");
  auto none = request({.url = fixture.url("/204")});
  EXPECT_EQ(none->status(), 204);
  EXPECT_FALSE(none->headers().has("Content-Length"));
}

TEST(Http, RefusesWhatCouldSmuggleOrIsMalformed) {
  Fixture fixture(echo);
  const char* bad[] = {
      "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
      "chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
      "3\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
      "identity\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
      "GET nonsense HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "\x16\x03\x01 not http\r\n\r\n",
  };
  for (const auto* bytes : bad) {
    EXPECT_TRUE(raw_exchange(fixture, bytes).starts_with("HTTP/1.1 400 Bad Request")) << bytes;
  }
}

TEST(Http, HeadThatIsTooLargeIs431) {
  Fixture fixture(echo, {.max_head_bytes = 4096});
  const auto big = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n";
  EXPECT_TRUE(raw_exchange(fixture, big).starts_with("HTTP/1.1 431"));
}

TEST(Http, SlowHeadIs408) {
  Fixture fixture(echo, {.head_timeout = milliseconds(50)});
  EXPECT_TRUE(raw_exchange(fixture, "GET / HT").starts_with("HTTP/1.1 408"));
}

TEST(Http, BodyThatEndsTooEarlyIsAnErrorForTheHandler) {
  std::atomic<int> broken = 0;
  Fixture fixture([&](Exchange& e) {
    try {
      e.read_all(100);
    } catch (const Error& error) {
      broken += error.kind() == Kind::unavailable ? 1 : 100;
      throw;
    }
  });
  {
    Raw raw(fixture.port);
    raw.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\nshort");
    raw.transport->shutdown_write();
    raw.read_to_end();
  }
  EXPECT_TRUE(eventually([&] { return broken == 1; }));
}

TEST(Http, AnEarlyAnswerReachesAClientThatIsStillSending) {
  Fixture fixture([](Exchange& e) { e.respond(400, {}, "not this"); });
  const std::string piece(64 * 1024, 'x');
  Raw raw(fixture.port);
  raw.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
  for (int i = 0; i < 160; ++i) raw.send(piece);  // 10 MB
  EXPECT_TRUE(raw.read_to_end().ends_with("not this"));
}

TEST(Http, HandlerThatThrowsBecomes500AndTellsNothing) {
  Fixture fixture([](Exchange& e) {
    if (e.request().path == "/begun") e.begin(200, {});
    throw std::runtime_error("a secret");
  });
  auto response = request({.url = fixture.url()});
  EXPECT_EQ(response->status(), 500);
  EXPECT_EQ(response->read_all().find("secret"), std::string::npos);
  auto cut = request({.url = fixture.url("/begun")});
  EXPECT_EQ(cut->status(), 200);
  EXPECT_THROW(cut->read_all(), Error);
}

TEST(Http, HeaderValuesCannotAddHeaders) {
  Fixture fixture([](Exchange& e) { e.respond(200, {{"X", "a\r\nInjected: 1"}}, ""); });
  EXPECT_FALSE(request({.url = fixture.url()})->headers().has("Injected"));
}

TEST(Http, BeginFlushesTheHeadAtOnce) {
  Stop release;
  Fixture fixture([&](Exchange& e) {
    e.begin(200, {});
    release.wait_for(seconds(10));
    e.write("late");
    e.finish();
  });
  auto response = request({.url = fixture.url()});  // returns although there is no body yet
  EXPECT_EQ(response->status(), 200);
  release.request();
  EXPECT_EQ(response->read_all(), "late");
}

// Docker's stdin: the client shuts its side, the answer still flows.
TEST(Hijack, HalfCloseIsEndOfInputAndOutputGoesOn) {
  Fixture fixture([](Exchange& e) {
    e.read_all(1000);
    auto stream = e.hijack(101, {{"Upgrade", "tcp"}, {"Connection", "Upgrade"}});
    std::string all;
    char block[100];
    while (const size_t n = stream->read(block, e.stop())) all.append(block, n);
    EXPECT_FALSE(e.stop().requested());
    stream->write("got " + all);
    stream->shutdown_write();
  });
  Raw raw(fixture.port);
  // Bytes that follow the request at once belong to the stream.
  raw.send(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
      "Content-Length: 2\r\n\r\n{}early ");
  EXPECT_TRUE(raw.read_until("\r\n\r\n").starts_with("HTTP/1.1 101"));
  raw.send("late");
  raw.transport->shutdown_write();
  EXPECT_EQ(raw.read_to_end(), "got early late");
}

TEST(Hijack, ClientUpgradeOverAUnixSocket) {
  const std::string path = "/tmp/slipway-net-" + random_hex(8) + ".sock";
  std::string peer;
  Server server([&](Exchange& e) {
    peer = e.request().peer;
    auto stream = e.hijack(101, {{"Upgrade", "tcp"}, {"Connection", "Upgrade"}});
    char block[100];
    const size_t n = stream->read(block, e.stop());
    stream->write({block, n});
  });
  server.listen_unix(path, 0600);
  struct stat made {};
  ASSERT_EQ(::stat(path.c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 0777, 0600u);
  auto response = request({.method = "POST",
                           .url = "unix:" + path + ":/attach",
                           .headers = {{"Connection", "Upgrade"}, {"Upgrade", "tcp"}}});
  ASSERT_EQ(response->status(), 101);
  auto stream = response->upgrade();
  stream->write("ping");
  char block[100];
  EXPECT_EQ(stream->read(block, {}), 4u);
  EXPECT_EQ(stream->read(block, {}), 0u);
  EXPECT_EQ(peer, fmt::format("unix:pid={},uid={}", ::getpid(), ::getuid()));
  EXPECT_THROW(Server(echo).listen_unix(path, 0600), Error);  // somebody answers there
  server.stop();
  EXPECT_FALSE(exists(path));
}

TEST(Hijack, PeerThatGoesAwayCompletelyTripsStop) {
  const std::string path = "/tmp/slipway-net-" + random_hex(8) + ".sock";
  std::atomic<bool> tripped = false;
  Server server([&](Exchange& e) {
    auto stream = e.hijack(101, {});
    tripped = e.stop().wait_for(seconds(10));
  });
  server.listen_unix(path, 0600);
  {
    auto raw = plain_transport(connect_unix(path, patience()));
    raw->write("GET / HTTP/1.1\r\nHost: a\r\n\r\n", patience());
    char block[100];
    EXPECT_GT(raw->read(block, patience()), 0u);
  }
  EXPECT_TRUE(eventually([&] { return tripped.load(); }));
}

TEST(Server, PeerThatHangsUpTripsStop) {
  std::atomic<bool> tripped = false;
  Stop waiting;
  Fixture fixture([&](Exchange& e) {
    waiting.request();
    tripped = e.stop().wait_for(seconds(10));
  });
  {
    Raw raw(fixture.port);
    raw.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(waiting.wait_for(seconds(10)));
  }
  EXPECT_TRUE(eventually([&] { return tripped.load(); }));
}

TEST(Server, StopUnblocksEverything) {
  std::atomic<int> blocked = 0;
  auto fixture = std::make_unique<Fixture>([&](Exchange& e) {
    ++blocked;
    if (e.request().path == "/wait") e.stop().wait_for(seconds(30));
    if (e.request().path == "/body") e.read_all(100);
    if (e.request().path == "/hijack") {
      char block[10];
      e.hijack(101, {})->read(block, kNever);
    }
  });
  Raw idle(fixture->port), half(fixture->port), wait(fixture->port), body(fixture->port),
      hijack(fixture->port);
  half.send("GET / HT");
  wait.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  body.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
  hijack.send("GET /hijack HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return blocked == 3; }));
  const auto start = std::chrono::steady_clock::now();
  fixture.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
}

TEST(Server, TooManyConnectionsAre503) {
  Fixture fixture(echo, {.max_connections = 2});
  {
    Raw a(fixture.port), b(fixture.port);
    a.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    b.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    a.read_until("\r\n\r\n");
    b.read_until("\r\n\r\n");
    EXPECT_TRUE(Raw(fixture.port).read_to_end().starts_with("HTTP/1.1 503"));
  }
  EXPECT_TRUE(eventually([&] { return request({.url = fixture.url()})->status() == 200; }));
}

TEST(Server, StaleSocketFileIsReplacedAndAnOrdinaryFileIsNot) {
  const std::string path = "/tmp/slipway-net-" + random_hex(8) + ".sock";
  {
    Server first(echo);
    first.listen_unix(path, 0600);
    ASSERT_EQ(::rename(path.c_str(), (path + ".kept").c_str()), 0);
  }
  ASSERT_EQ(::rename((path + ".kept").c_str(), path.c_str()), 0);  // a socket nobody listens on
  Server second(echo);
  second.listen_unix(path, 0600);
  EXPECT_EQ(request({.url = "unix:" + path + ":/"})->status(), 200);
  second.stop();
  write_file(path, "precious");
  EXPECT_THROW(Server(echo).listen_unix(path, 0600), Error);
  EXPECT_EQ(read_file(path), "precious");
  ::unlink(path.c_str());
}

Kind kind_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) {
    return e.kind();
  }
  return Kind::internal;
}

TEST(Client, TimeoutsStopsAndRefusals) {
  Fixture fixture([](Exchange& e) { e.stop().wait_for(seconds(30)); });
  EXPECT_EQ(kind_of([&] { request({.url = fixture.url(), .idle_timeout = milliseconds(30)}); }),
            Kind::timeout);
  Stop stopped;
  stopped.request();
  EXPECT_EQ(kind_of([&] { request({.url = fixture.url()}, stopped); }), Kind::cancelled);
  fixture.server.stop();
  EXPECT_EQ(kind_of([&] { request({.url = "http://127.0.0.1:1/"}); }), Kind::unavailable);
}

TEST(Client, AnswerThatComesBeforeTheBodyIsSentIsSeen) {
  Fixture fixture([](Exchange& e) { e.respond(413, {{"Connection", "close"}}, "too large"); });
  ClientRequest upload{.method = "PUT", .url = fixture.url()};
  uint64_t sent = 0;
  upload.body_source = [&](std::span<char> into) -> size_t {
    sent += into.size();
    return sent > (50u << 20) ? 0 : into.size();
  };
  // The reset that follows may win the race against the answer; then it is an error, never a hang.
  try {
    EXPECT_EQ(request(upload)->status(), 413);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), Kind::unavailable);
  }
  EXPECT_LT(sent, 50u << 20);
}

TEST(Url, ParsesAndRefuses) {
  const auto url = parse_url("https://[::1]:8443/v2/?n=1#x");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, "8443");
  EXPECT_EQ(url.path_and_query, "/v2/?n=1");
  EXPECT_EQ(parse_url("http://host").path_and_query, "/");
  EXPECT_EQ(parse_url("http://host?q").path_and_query, "/?q");
  EXPECT_EQ(parse_url("https://host/").port, "443");
  EXPECT_EQ(parse_url("unix:/run/a.sock:/v1").host, "/run/a.sock");
  for (const auto* bad : {"host/path", "ftp://a/", "http://", "http://a:0/", "http://a:99999/",
                          "http://u:p@a/", "http://a/b c", "unix:/a.sock", "http://a/\r\nX: 1"}) {
    EXPECT_THROW(parse_url(bad), Error) << bad;
  }
}

}  // namespace
}  // namespace slipway::net
