// XML as the AWS Query protocols need it: a writer that escapes, and a reader that turns a document
// into a small tree (pugixml inside; no DTD, no entities beyond the five).
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace slipway {

std::string xml_escape(std::string_view text);

// Writes one document into a string: no indentation, no declaration unless asked for.
class XmlWriter {
 public:
  explicit XmlWriter(bool declaration = false);
  void open(std::string_view name,
            const std::vector<std::pair<std::string, std::string>>& attributes = {});
  void close();  // the innermost open element
  void text(std::string_view text);
  void element(std::string_view name, std::string_view text);  // <name>text</name>
  // Takes the document; every element must be closed.
  std::string take();

 private:
  std::string out_;
  std::vector<std::string> open_;
};

struct XmlNode {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string text;  // of this element alone
  std::vector<XmlNode> children;
  // nullptr when absent.
  const XmlNode* child(std::string_view name) const;
  std::string child_text(std::string_view name) const;  // empty when absent
};

// The root element. Throws Error(invalid_argument); refuses nesting deeper than 100.
XmlNode parse_xml(std::string_view text);

}  // namespace slipway
