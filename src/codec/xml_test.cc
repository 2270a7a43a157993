#include "codec/xml.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace slipway {
namespace {

TEST(Xml, WriterEscapesAndReaderUnescapes) {
  XmlWriter writer(true);
  writer.open("Root", {{"xmlns", "http://a/?b&\"c\""}});
  writer.element("Name", "<a> & \"b\"\r\n");
  writer.element("Empty", "");
  writer.close();
  const auto text = writer.take();
  EXPECT_EQ(text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<Root xmlns=\"http://a/?b&amp;&quot;c&quot;\"><Name>&lt;a&gt; &amp; "
            "&quot;b&quot;&#xD;\n</Name><Empty></Empty></Root>");
  const auto root = parse_xml(text);
  EXPECT_EQ(root.name, "Root");
  EXPECT_EQ(root.child_text("Name"), "<a> & \"b\"\r\n");
  ASSERT_NE(root.child("Empty"), nullptr);
  EXPECT_EQ(root.child("Missing"), nullptr);
  EXPECT_EQ(root.attributes.at(0).second, "http://a/?b&\"c\"");
}

TEST(Xml, ControlCharactersNeverMakeAnInvalidDocument) {
  EXPECT_EQ(xml_escape(std::string_view("a\0b\x1f", 4)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

TEST(Xml, ReaderRefusesBrokenAndDeepDocuments) {
  EXPECT_THROW(parse_xml("<a><b></a>"), Error);
  EXPECT_THROW(parse_xml(""), Error);
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "<a>";
  for (int i = 0; i < 200; ++i) deep += "</a>";
  EXPECT_THROW(parse_xml(deep), Error);
}

}  // namespace
}  // namespace slipway
