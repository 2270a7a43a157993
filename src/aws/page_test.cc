#include "aws/page.h"

#include <gtest/gtest.h>

#include "aws/credentials.h"
#include "base/error.h"

namespace slipway::aws {
namespace {

std::string self(const std::string& s) {
  return s;
}

TEST(Page, WalksThroughAllItemsOnce) {
  const std::vector<std::string> all{"a", "b", "c", "d", "e"};
  std::vector<std::string> seen;
  std::optional<std::string> token;
  int pages = 0;
  do {
    auto page = paginate("test", all, self, token, 2);
    seen.insert(seen.end(), page.items.begin(), page.items.end());
    token = page.next;
    ++pages;
  } while (token);
  EXPECT_EQ(seen, all);
  EXPECT_EQ(pages, 3);
}

TEST(Page, SurvivesTheRemovalOfItsKey) {
  auto page = paginate("test", std::vector<std::string>{"a", "b", "c"}, self, {}, 2);
  EXPECT_EQ(paginate("test", std::vector<std::string>{"a", "c"}, self, page.next, 2).items,
            std::vector<std::string>{"c"});
}

TEST(Page, RefusesTokensThatAreNotItsOwn) {
  const std::vector<std::string> all{"a"};
  EXPECT_EQ(read_token("x", make_token("x", "k/1")), "k/1");
  EXPECT_THROW(read_token("y", make_token("x", "k/1")), Error);
  for (const char* bad : {"nonsense", "AAAA", "****", "aGVsbG8gd29ybGQ="})
    EXPECT_THROW(paginate("x", all, self, std::string(bad), 1), Error) << bad;
  EXPECT_EQ(paginate("x", all, self, std::string(), 1).items, all);
}

class CredentialsTest : public ::testing::Test {
 protected:
  template <typename Fn>
  void write(Fn fn) {
    store->write([&](store::Writer& db) { fn(db); });
  }
  std::unique_ptr<store::Store> store = store::open_memory();
  TestClock clock;
};

TEST_F(CredentialsTest, TheRootKeyIsMadeOnce) {
  Credential first, second, given;
  write([&](store::Writer& db) {
    first = ensure_root_key(db, "123456789012", clock.now());
    second = ensure_root_key(db, "123456789012", clock.now());
    given = ensure_root_key(db, "123456789012", clock.now(), GivenKey{"AKIAMINE", "mine"});
  });
  EXPECT_EQ(first.access_key_id, second.access_key_id);
  EXPECT_EQ(first.access_key_id.size(), 20u);
  EXPECT_EQ(first.secret_access_key.size(), 40u);
  write([&](store::Writer& db) {
    EXPECT_EQ(find_credential(db, "AKIAMINE")->secret_access_key, "mine");
    EXPECT_EQ(find_credential(db, first.access_key_id)->secret_access_key, first.secret_access_key);
    EXPECT_FALSE(find_credential(db, "AKIAOTHER"));
    EXPECT_THROW(ensure_root_key(db, "123456789012", clock.now(), GivenKey{"a", ""}), Error);
  });
}

TEST_F(CredentialsTest, SessionsNameTheRoleAndAreCleared) {
  write([&](store::Writer& db) {
    auto session = mint_session(db, "arn:aws:iam::123456789012:role/a/b/app", "s", seconds(60),
                                clock.now(), "AROAX");
    EXPECT_EQ(session.principal_arn, "arn:aws:sts::123456789012:assumed-role/app/s");
    EXPECT_EQ(session.user_id, "AROAX:s");
    EXPECT_TRUE(session.access_key_id.starts_with("ASIA"));
    EXPECT_TRUE(find_credential(db, session.access_key_id)->temporary());
    EXPECT_EQ(erase_expired_sessions(db, clock.now() + seconds(61)), 0u);  // still explained
    EXPECT_EQ(erase_expired_sessions(db, clock.now() + seconds(3661)), 1u);
    EXPECT_THROW(mint_session(db, "arn:aws:iam::1:user/x", "s", seconds(60), clock.now()), Error);
  });
}

}  // namespace
}  // namespace slipway::aws
