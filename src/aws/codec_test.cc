// The protocol readers and writers, on toy services that have every kind of member and every trait.
// The request bodies are what botocore's serialisers write for the same values.
#include "aws/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/errors.h"
#include "aws/toy/toyec2.h"
#include "aws/toy/toyjson.h"
#include "aws/toy/toyquery.h"
#include "codec/json.h"
#include "codec/xml.h"

namespace slipway::aws {
namespace {

using ::testing::HasSubstr;

// Spelt out everywhere: {"a", "b"} may also mean two iterators.
using Strings = std::vector<std::string>;

const TimePoint kNoon = parse_rfc3339("2026-01-31T12:00:00Z");

template <typename Request, typename Inner>
Request everything() {
  Request r;
  r.id = "ab-1";
  r.text = "a&b <ü>";
  r.number = -5;
  r.big = int64_t{1} << 40;
  r.ratio = 1.5;
  r.flag = true;
  r.when = kNoon;
  r.data = Blob{std::string("\0\xffhi", 4)};
  r.inner = Inner{.name = "n", .size = 3, .tags = Strings{"x", "y"}};
  r.names = Strings{"one", "two"};
  r.inners = std::vector<Inner>{Inner{.name = "a"}, Inner{.name = "b", .size = 2}};
  r.lists = std::vector<Strings>{Strings{"p", "q"}, Strings{"r"}};
  r.items = Strings{"i", "j"};
  r.flat = Strings{"f1", "f2"};
  r.flatItems = Strings{"g1", "g2"};
  r.few = Strings{"ab", "cd"};
  using Labels = std::map<std::string, std::string>;
  r.labels = Labels{std::pair("k1", "v1"), std::pair("k2", "v2")};
  r.flatLabels = Labels{std::pair("fk", "fv")};
  r.named = std::map<std::string, int32_t>{std::pair("nk", 7)};
  r.map = std::map<std::string, Inner>{std::pair("m", Inner{.name = "mn"})};
  r.renamed = "r";
  r.colour = "dark-blue";
  r.percent = 50;
  r.secret = "12345678";
  r.namespace_ = "ns";
  return r;
}

constexpr const char* kJson =
    R"({"id":"ab-1","text":"a&b <\u00fc>","number":-5,"big":1099511627776,"ratio":1.5,"flag":true,"when":1769860800,"data":"AP9oaQ==","inner":{"name":"n","size":3,"tags":["x","y"]},"names":["one","two"],"inners":[{"name":"a"},{"name":"b","size":2}],"lists":[["p","q"],["r"]],"items":["i","j"],"flat":["f1","f2"],"flatItems":["g1","g2"],"few":["ab","cd"],"labels":{"k1":"v1","k2":"v2"},"flatLabels":{"fk":"fv"},"named":{"nk":7},"map":{"m":{"name":"mn"}},"other_name":"r","colour":"dark-blue","percent":50,"secret":"12345678","namespace":"ns"})";

constexpr const char* kQuery =
    "Action=Everything&Version=2026-01-01&id=ab-1&text=a%26b+%3C%C3%BC%3E&number=-5&"
    "big=1099511627776&ratio=1.5&flag=true&when=2026-01-31T12%3A00%3A00Z&data=AP9oaQ%3D%3D&"
    "inner.name=n&inner.size=3&inner.tags.member.1=x&inner.tags.member.2=y&names.member.1=one&"
    "names.member.2=two&inners.member.1.name=a&inners.member.2.name=b&inners.member.2.size=2&"
    "lists.member.1.member.1=p&lists.member.1.member.2=q&lists.member.2.member.1=r&"
    "items.item.1=i&items.item.2=j&flat.1=f1&flat.2=f2&Elem.1=g1&Elem.2=g2&few.member.1=ab&"
    "few.member.2=cd&labels.entry.1.key=k1&labels.entry.1.value=v1&labels.entry.2.key=k2&"
    "labels.entry.2.value=v2&flatLabels.1.key=fk&flatLabels.1.value=fv&named.entry.1.K=nk&"
    "named.entry.1.V=7&map.entry.1.key=m&map.entry.1.value.name=mn&other_name=r&"
    "colour=dark-blue&percent=50&secret=12345678&namespace=ns";

std::string code_of(const std::function<void()>& fn, std::string* text = nullptr) {
  try {
    fn();
  } catch (const ServiceError& e) {
    if (text) *text = e.what();
    return e.code();
  }
  return "";
}

// --- JSON ---

toyjson::EverythingRequest read(std::string_view body) {
  toyjson::EverythingRequest out;
  read_json(body, out.shape_info(), &out);
  return out;
}

std::string json_error_of(const std::string& body) {
  std::string text;
  const std::string code = code_of([&] { read(body); }, &text);
  return code.empty() ? "" : code + ": " + text;
}

TEST(JsonCodec, ReadsEveryKindOfMember) {
  EXPECT_EQ(read(kJson), (everything<toyjson::EverythingRequest, toyjson::Inner>()));
}

TEST(JsonCodec, WritesWhatItReads) {
  auto value = everything<toyjson::EverythingRequest, toyjson::Inner>();
  const std::string text = write_json(value.shape_info(), &value);
  EXPECT_EQ(Json::parse(text), Json::parse(kJson));
  EXPECT_THAT(text, HasSubstr("\"when\":1769860800,"));  // whole seconds stay whole
}

TEST(JsonCodec, TreatsAbsentNullAndEmptyApart) {
  EXPECT_EQ(read(""), toyjson::EverythingRequest());
  EXPECT_EQ(read("{}"), toyjson::EverythingRequest());
  EXPECT_EQ(read(R"({"text":null,"names":null})"), toyjson::EverythingRequest());
  auto empty = read(R"({"text":"","names":[],"labels":{},"inner":{}})");
  EXPECT_EQ(empty.text, "");
  EXPECT_TRUE(empty.names && empty.names->empty());
  EXPECT_TRUE(empty.labels && empty.labels->empty());
  EXPECT_TRUE(empty.inner);
  EXPECT_EQ(write_json(empty.shape_info(), &empty),
            R"({"text":"","inner":{},"names":[],"labels":{}})");
}

TEST(JsonCodec, IgnoresUnknownMembersAndNullsInLists) {
  auto out = read(R"({"later":{"deep":[1,2]},"renamed":"by its model name","names":["a",null]})");
  EXPECT_FALSE(out.renamed);
  EXPECT_EQ(*out.names, Strings{"a"});
}

TEST(JsonCodec, AcceptsTimesAsNumbersAndText) {
  EXPECT_EQ(read(R"({"when":1769860800.25})").when->value, kNoon + milliseconds(250));
  EXPECT_EQ(read(R"({"when":"2026-01-31T12:00:00Z"})").when->value, kNoon);
  toyjson::EverythingRequest value;
  value.when = kNoon + milliseconds(250);
  EXPECT_EQ(write_json(value.shape_info(), &value), R"({"when":1769860800.250})");
}

TEST(JsonCodec, RefusesWrongTypesInAwsWords) {
  EXPECT_EQ(json_error_of(R"({"text":5})"),
            "SerializationException: NUMBER_VALUE can not be converted to a String: text");
  EXPECT_EQ(json_error_of(R"({"number":"5"})"),
            "SerializationException: STRING_VALUE can not be converted to an Integer: number");
  EXPECT_EQ(json_error_of(R"({"flag":"true"})"),
            "SerializationException: STRING_VALUE can not be converted to a Boolean: flag");
  EXPECT_EQ(json_error_of(R"({"inner":{"tags":"x"}})"),
            "SerializationException: STRING_VALUE can not be converted to a List: inner.tags");
  EXPECT_EQ(json_error_of(R"({"text":["x"]})"),
            "SerializationException: Start of list found where not expected: text");
  EXPECT_THAT(json_error_of(R"([1])"), HasSubstr("SerializationException"));
  EXPECT_THAT(json_error_of(R"({"data":"***"})"), HasSubstr("Invalid base64: data"));
  EXPECT_THAT(json_error_of(R"({"number":1.5})"), HasSubstr("DECIMAL_VALUE"));
  EXPECT_EQ(read(R"({"number":3.0})").number, 3);
}

TEST(JsonCodec, RefusesNumbersThatDoNotFit) {
  EXPECT_THAT(json_error_of(R"({"number":2147483648})"), HasSubstr("out of range: number"));
  EXPECT_THAT(json_error_of(R"({"number":-2147483649})"), HasSubstr("out of range: number"));
  EXPECT_THAT(json_error_of(R"({"big":18446744073709551615})"), HasSubstr("out of range: big"));
  EXPECT_THAT(json_error_of(R"({"when":1e300})"), HasSubstr("out of range: when"));
  EXPECT_EQ(read(R"({"big":-9223372036854775808})").big, std::numeric_limits<int64_t>::min());
}

TEST(JsonCodec, RefusesMalformedBodies) {
  for (const char* body : {"{", "{\"text\":\"a}", "nonsense", "{\"a\":1,}", "\xff\xfe"})
    EXPECT_THAT(json_error_of(body), HasSubstr("SerializationException")) << body;
  EXPECT_THAT(json_error_of(std::string(100'000, '[')), HasSubstr("SerializationException"));
}

TEST(JsonCodec, WritesBytesThatAreNotTextAsReplacementCharacters) {
  EXPECT_EQ(json_string("plain"), "\"plain\"");
  EXPECT_EQ(json_string("a\"\\\n\x01"), R"("a\"\\\n\u0001")");
  EXPECT_EQ(json_string("\xff"), "\"\xEF\xBF\xBD\"");
}

// --- Query ---

toyquery::EverythingRequest read_form(std::string_view body) {
  toyquery::EverythingRequest out;
  read_query(toyquery::service_model(), parse_query(body), out.shape_info(), &out);
  return out;
}

TEST(QueryCodec, ReadsEveryKindOfMember) {
  EXPECT_EQ(read_form(kQuery), (everything<toyquery::EverythingRequest, toyquery::Inner>()));
}

TEST(QueryCodec, TakesABareNameForAnEmptyList) {
  auto out = read_form("id=ab&names=&few=&labels=");
  EXPECT_TRUE(out.names && out.names->empty());
  EXPECT_TRUE(out.few && out.few->empty());
  EXPECT_TRUE(out.labels && out.labels->empty());
  EXPECT_FALSE(out.inners);
}

TEST(QueryCodec, OrdersItemsByNumberNotByText) {
  auto out = read_form("names.member.10=j&names.member.2=b&names.member.1=a");
  EXPECT_EQ(*out.names, (Strings{"a", "b", "j"}));
}

TEST(QueryCodec, RefusesWhatDoesNotParse) {
  auto code = [](const char* body) { return code_of([&] { read_form(body); }); };
  EXPECT_EQ(code("number=five"), "ValidationError");
  EXPECT_EQ(code("number=99999999999"), "ValidationError");
  EXPECT_EQ(code("flag=yes"), "ValidationError");
  EXPECT_EQ(code("when=yesterday"), "ValidationError");
  EXPECT_EQ(code("ratio=nan"), "ValidationError");
  EXPECT_EQ(code("data=%2A%2A"), "ValidationError");
  EXPECT_EQ(code("text.member.1=x"), "ValidationError");
  EXPECT_EQ(code("text=%FF"), "ValidationError");
  EXPECT_EQ(code("labels.entry.1.key=k"), "ValidationError");
  EXPECT_EQ(code(("a" + std::string(200, '.') + "b=1").c_str()), "ValidationError");
  EXPECT_EQ(code("inner=x&unknown.member.1=y"), "");
}

TEST(QueryCodec, WritesXmlInTheResultElement) {
  auto value = everything<toyquery::EverythingResponse, toyquery::Inner>();
  value.when = kNoon + milliseconds(7);
  auto* operation = find_operation(toyquery::service_model(), "Everything");
  auto reply = encode_reply(toyquery::service_model(), *operation, &value, "rid");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "text/xml");
  EXPECT_EQ(
      reply.body,
      "<EverythingResponse xmlns=\"https://toy.example/doc/\"><EverythingResult><id>ab-1</id>"
      "<text>a&amp;b &lt;ü&gt;</text><number>-5</number><big>1099511627776</big>"
      "<ratio>1.5</ratio><flag>true</flag><when>2026-01-31T12:00:00.007Z</when>"
      "<data>AP9oaQ==</data><inner><name>n</name><size>3</size><tags><member>x</member>"
      "<member>y</member></tags></inner><names><member>one</member><member>two</member></names>"
      "<inners><member><name>a</name></member><member><name>b</name><size>2</size></member>"
      "</inners><lists><member><member>p</member><member>q</member></member><member>"
      "<member>r</member></member></lists><items><item>i</item><item>j</item></items>"
      "<flat>f1</flat><flat>f2</flat><Elem>g1</Elem><Elem>g2</Elem><few><member>ab</member>"
      "<member>cd</member></few><labels><entry><key>k1</key><value>v1</value></entry><entry>"
      "<key>k2</key><value>v2</value></entry></labels><flatLabels><key>fk</key>"
      "<value>fv</value></flatLabels><named><entry><K>nk</K><V>7</V></entry></named><map><entry>"
      "<key>m</key><value><name>mn</name></value></entry></map><other_name>r</other_name>"
      "<colour>dark-blue</colour><percent>50</percent><secret>12345678</secret>"
      "<namespace>ns</namespace></EverythingResult><ResponseMetadata><RequestId>rid</RequestId>"
      "</ResponseMetadata></EverythingResponse>");
}

TEST(QueryCodec, KeepsTheResultElementWhenItIsEmpty) {
  toyquery::NothingResponse value;
  auto* operation = find_operation(toyquery::service_model(), "Nothing");
  EXPECT_THAT(encode_reply(toyquery::service_model(), *operation, &value, "rid").body,
              HasSubstr("<NothingResult></NothingResult>"));
}

// --- EC2 Query ---

using Tags = std::vector<toyec2::Tag>;

toyec2::DescribeNetworksRequest read_ec2(std::string_view body) {
  toyec2::DescribeNetworksRequest out;
  read_query(toyec2::service_model(), parse_query(body), out.shape_info(), &out);
  return out;
}

TEST(Ec2Codec, ReadsListsWithoutMemberAndCapitalisedNames) {
  auto out = read_ec2(
      "Action=DescribeNetworks&Version=2026-01-01&Owner=me&Filter.1.Name=a&Filter.1.Value.1=1&"
      "Filter.1.Value.2=2&Filter.2.Name=tag%3Ax&Filter.2.Value.1=y&SubnetId.1=s-1&"
      "SubnetId.2=s-2&DryRun=false&SortOrder=3&Network.NetworkId=n&Network.TagSet.1.Key=k&"
      "Network.TagSet.1.Value=v&Network.IsDefault=true&When=2026-01-31T12%3A00%3A00Z&"
      "Data=aGk%3D");
  toyec2::DescribeNetworksRequest wanted;
  wanted.Owner = "me";
  wanted.Filters = std::vector<toyec2::Filter>{{.Name = "a", .Values = Strings{"1", "2"}},
                                               {.Name = "tag:x", .Values = Strings{"y"}}};
  wanted.SubnetIds = Strings{"s-1", "s-2"};
  wanted.DryRun = false;
  wanted.Order = 3;
  wanted.Network = toyec2::Network{
      .NetworkId = "n", .Tags = Tags{{.Key = "k", .Value = "v"}}, .IsDefault = true};
  wanted.When = kNoon;
  wanted.Data = Blob{"hi"};
  EXPECT_EQ(out, wanted);
}

TEST(Ec2Codec, WritesItemLists) {
  toyec2::DescribeNetworksResult value;
  value.Networks = std::vector<toyec2::Network>{{.NetworkId = "n-1",
                                                 .Tags = Tags{{.Key = "k", .Value = "<v>"}},
                                                 .Created = kNoon,
                                                 .IsDefault = false},
                                                {.NetworkId = "n-2", .Tags = Tags()}};
  auto* operation = find_operation(toyec2::service_model(), "DescribeNetworks");
  auto reply = encode_reply(toyec2::service_model(), *operation, &value, "rid");
  EXPECT_EQ(reply.body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<DescribeNetworksResponse xmlns=\"http://toy.example/doc/2026-01-01/\">"
            "<requestId>rid</requestId><networkSet><item><networkId>n-1</networkId><tagSet><item>"
            "<key>k</key><value>&lt;v&gt;</value></item></tagSet>"
            "<createTime>2026-01-31T12:00:00.000Z</createTime><isDefault>false</isDefault></item>"
            "<item><networkId>n-2</networkId><tagSet></tagSet></item></networkSet>"
            "</DescribeNetworksResponse>");
}

TEST(Ec2Codec, NamesTheBadParameter) {
  std::string text;
  EXPECT_EQ(code_of([] { read_ec2("SortOrder=x"); }, &text), "InvalidParameterValue");
  EXPECT_THAT(text, HasSubstr("SortOrder"));
}

// --- errors ---

TEST(ErrorForms, FollowTheProtocol) {
  const toyquery::RenamedError renamed("no <way>");
  auto reply = encode_error(Protocol::query, "https://toy.example/doc/", renamed, "rid");
  EXPECT_EQ(reply.status, 409);
  EXPECT_EQ(reply.body,
            "<ErrorResponse xmlns=\"https://toy.example/doc/\"><Error><Type>Sender</Type>"
            "<Code>Toy.Renamed</Code><Message>no &lt;way&gt;</Message></Error>"
            "<RequestId>rid</RequestId></ErrorResponse>");
  reply = encode_error(Protocol::query, "x", toyquery::ServerFault("oops"), "rid");
  EXPECT_EQ(reply.status, 500);
  EXPECT_THAT(reply.body, HasSubstr("<Type>Receiver</Type>"));
  EXPECT_EQ(encode_error(Protocol::ec2, "", ServiceError("A.B", 400, "c"), "rid").body,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>A.B</Code>"
            "<Message>c</Message></Error></Errors><RequestID>rid</RequestID></Response>");
  reply = encode_error(Protocol::json, "", toyjson::ToyError("a \"b\"", R"({"more":[1]})"), "rid");
  EXPECT_EQ(reply.body, R"({"__type":"ToyError","message":"a \"b\"","more":[1]})");
  EXPECT_EQ(reply.content_type, "application/x-amz-json-1.1");
  reply = encode_error(Protocol::json, "", toyjson::ToyError("m", "{}"), "rid");
  EXPECT_EQ(reply.body, R"({"__type":"ToyError","message":"m"})");
}

// --- validation ---

template <typename Request>
std::string violation(const ServiceModel& model, const Request& request) {
  std::string text;
  const std::string code = code_of([&] { validate(model, request.shape_info(), &request); }, &text);
  return code.empty() ? "" : code + ": " + text;
}

TEST(Validation, AcceptsWhatTheModelAllows) {
  auto request = everything<toyquery::EverythingRequest, toyquery::Inner>();
  EXPECT_EQ(violation(toyquery::service_model(), request), "");
  toyquery::EverythingRequest least;
  least.id = "ab";
  EXPECT_EQ(violation(toyquery::service_model(), least), "");
}

TEST(Validation, SpeaksAsAwsDoes) {
  const auto& model = toyquery::service_model();
  toyquery::EverythingRequest r;
  EXPECT_EQ(violation(model, r),
            "ValidationError: 1 validation error detected: Value null at 'id' failed to satisfy "
            "constraint: Member must not be null");
  r.id = "a";
  r.percent = 101;
  EXPECT_EQ(violation(model, r),
            "ValidationError: 2 validation errors detected: Value 'a' at 'id' failed to satisfy "
            "constraint: Member must have length greater than or equal to 2; Value '101' at "
            "'percent' failed to satisfy constraint: Member must have value less than or equal to "
            "100");
  r.percent = 100;
  r.id = "AB";
  EXPECT_THAT(violation(model, r),
              HasSubstr("Member must satisfy regular expression pattern: [a-z][a-z0-9-]*"));
  r.id = "ab";
  r.colour = "blue";
  EXPECT_THAT(violation(model, r),
              HasSubstr("Value 'blue' at 'colour' failed to satisfy constraint: Member must "
                        "satisfy enum value set: [RED, dark-blue, default]"));
}

TEST(Validation, LooksIntoStructuresAndCountsLists) {
  const auto& model = toyjson::service_model();
  toyjson::EverythingRequest r;
  r.id = "ab";
  r.inners = std::vector<toyjson::Inner>{{.name = "a"}, {}};
  EXPECT_THAT(violation(model, r), HasSubstr("'inners.2.member.name'"));
  r.inners.reset();
  r.map.emplace()["key"];
  EXPECT_THAT(violation(model, r), HasSubstr("'map.key.member.name'"));
  r.map.reset();
  r.few = Strings{};
  EXPECT_THAT(violation(model, r), HasSubstr("'few' failed to satisfy constraint: Member must "
                                             "have length greater than or equal to 1"));
  r.few = Strings{"ab", "c", "ef"};
  EXPECT_THAT(violation(model, r), HasSubstr("'few.2.member'"));
}

TEST(Validation, CountsCharactersNotBytesAndKeepsSecrets) {
  toyquery::EverythingRequest r;
  r.id = "ab";
  r.secret = "geheim";
  EXPECT_EQ(violation(toyquery::service_model(), r),
            "ValidationError: 1 validation error detected: Value at 'secret' failed to satisfy "
            "constraint: Member must have length greater than or equal to 8");
  EXPECT_EQ(utf8_length("ü€𝄞"), 3u);
}

TEST(Validation, Ec2AsksForTheParameter) {
  EXPECT_EQ(violation(toyec2::service_model(), toyec2::DescribeNetworksRequest()),
            "MissingParameter: The request must contain the parameter Owner");
}

TEST(Utf8, IsCheckedStrictly) {
  for (const char* good : {"", "abc", "ü", "€", "𝄞"}) EXPECT_TRUE(valid_utf8(good)) << good;
  for (const char* bad :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80", "\x80", "a\xc3"})
    EXPECT_FALSE(valid_utf8(bad));
}

}  // namespace
}  // namespace slipway::aws
