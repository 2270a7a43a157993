#include <gtest/gtest.h>

#include "base/error.h"
#include "codec/form.h"
#include "codec/hash.h"
#include "codec/json.h"

namespace slipway {
namespace {

std::string error_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Json, ErrorNamesDocumentAndPosition) {
  const auto text = error_of([] { parse_json("{\n \"a\": tru }", "request body"); });
  EXPECT_TRUE(text.starts_with("request body: line 2, column 1")) << text;
}

TEST(Json, RefusesDeepNestingAndBadUtf8AndHugeNumbers) {
  EXPECT_THROW(parse_json(std::string(100'000, '[')), Error);
  EXPECT_THROW(parse_json("\"\xff\""), Error);
  EXPECT_THROW(parse_json("1e999"), Error);
  EXPECT_THROW(parse_json(""), Error);
  EXPECT_NO_THROW(parse_json(std::string(200, '[') + std::string(200, ']')));
}

TEST(Json, BracketsInStringsAreNotNesting) {
  EXPECT_EQ(parse_json("\"" + std::string(1000, '[') + "\\\"[\"").get<std::string>().size(), 1002u);
}

TEST(Hash, KnownValues) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_digest(""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(md5_hex("abc"), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  Hasher sha512("sha512");
  sha512.update("a");
  sha512.update("bc");
  EXPECT_TRUE(sha512.digest().starts_with("sha512:ddaf35a193617abacc417349ae204131"));
  EXPECT_THROW(Hasher("crc32"), Error);
}

TEST(Hash, EmptyHmacKeyIsAKey) {
  EXPECT_EQ(to_hex(hmac_sha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Base64, BothAlphabetsWithAndWithoutPadding) {
  EXPECT_EQ(base64_encode("\xff\xfe\xfd\xfc"), "//79/A==");
  EXPECT_EQ(base64url_encode("\xff\xfe\xfd\xfc"), "__79_A==");
  EXPECT_EQ(base64_decode("//79/A=="), "\xff\xfe\xfd\xfc");
  EXPECT_EQ(base64_decode("__79_A"), "\xff\xfe\xfd\xfc");
  EXPECT_EQ(base64_decode(""), "");
  for (const auto* bad : {"a", "a===", "ab c", "YWJj!"}) EXPECT_THROW(base64_decode(bad), Error);
  for (size_t n = 0; n < 70; ++n) {
    const std::string bytes(n, '\x81');
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
  }
}

TEST(Hex, RoundTripsAndRefuses) {
  EXPECT_EQ(from_hex("00fFa0"), std::string("\0\xff\xa0", 3));
  EXPECT_THROW(from_hex("0"), Error);
  EXPECT_THROW(from_hex("zz"), Error);
}

TEST(Percent, EncodesAllButUnreserved) {
  EXPECT_EQ(percent_encode("a/b c~\xc3\xa9"), "a%2Fb%20c~%C3%A9");
  EXPECT_EQ(percent_encode("a/b", "/"), "a/b");
  EXPECT_EQ(percent_decode("a%2fb+c"), "a/b+c");
  EXPECT_EQ(percent_decode("a+c", true), "a c");
  EXPECT_EQ(percent_decode("%41"), "A");
  for (const auto* bad : {"%", "%4", "%4g", "a%"}) EXPECT_THROW(percent_decode(bad), Error);
}

TEST(Query, KeepsOrderRepeatsAndEmptyValues) {
  const auto pairs = parse_query("t=a%3A1&t=b&rm&x=&&y=1=2");
  const Pairs expected = {{"t", "a:1"}, {"t", "b"}, {"rm", ""}, {"x", ""}, {"y", "1=2"}};
  EXPECT_EQ(pairs, expected);
  EXPECT_EQ(query_values(pairs, "t").size(), 2u);
  EXPECT_EQ(query_value(pairs, "none", "d"), "d");
  EXPECT_EQ(parse_query(encode_query(pairs)), pairs);
}

TEST(Query, RefusesTooManyPairs) {
  std::string query;
  for (int i = 0; i < 10'001; ++i) query += "a&";
  EXPECT_THROW(parse_query(query), Error);
}

}  // namespace
}  // namespace slipway
