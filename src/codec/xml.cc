#include "codec/xml.h"

#include <pugixml.hpp>

#include "base/error.h"

namespace slipway {
namespace {

constexpr int kMaxXmlDepth = 100;

XmlNode convert(const pugi::xml_node& from, int depth) {
  if (depth > kMaxXmlDepth) throw invalid_argument("XML: nested deeper than {}", kMaxXmlDepth);
  XmlNode to;
  to.name = from.name();
  for (const auto& attribute : from.attributes()) {
    to.attributes.emplace_back(attribute.name(), attribute.value());
  }
  for (const auto& child : from.children()) {
    if (child.type() == pugi::node_element) {
      to.children.push_back(convert(child, depth + 1));
    } else if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
      to.text += child.value();
    }
  }
  return to;
}

}  // namespace

std::string xml_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\r':
        out += "&#xD;";
        break;
      case '\n':
      case '\t':
        out += c;
        break;
      default:
        // The other control characters cannot stand in XML 1.0 at all, not even escaped.
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\xEF\xBF\xBD";
        } else {
          out += c;
        }
    }
  }
  return out;
}

XmlWriter::XmlWriter(bool declaration) {
  if (declaration) out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
}

void XmlWriter::open(std::string_view name,
                     const std::vector<std::pair<std::string, std::string>>& attributes) {
  out_ += '<';
  out_ += name;
  for (const auto& [key, value] : attributes) {
    out_ += ' ' + key + "=\"" + xml_escape(value) + '"';
  }
  out_ += '>';
  open_.emplace_back(name);
}

void XmlWriter::close() {
  SLIPWAY_ASSERT(!open_.empty());
  out_ += "</" + open_.back() + '>';
  open_.pop_back();
}

void XmlWriter::text(std::string_view text) {
  out_ += xml_escape(text);
}

void XmlWriter::element(std::string_view name, std::string_view value) {
  open(name);
  text(value);
  close();
}

std::string XmlWriter::take() {
  SLIPWAY_ASSERT(open_.empty());
  return std::move(out_);
}

const XmlNode* XmlNode::child(std::string_view wanted) const {
  for (const auto& node : children) {
    if (node.name == wanted) return &node;
  }
  return nullptr;
}

std::string XmlNode::child_text(std::string_view wanted) const {
  const auto* node = child(wanted);
  return node == nullptr ? std::string() : node->text;
}

XmlNode parse_xml(std::string_view text) {
  pugi::xml_document document;
  const auto result = document.load_buffer(text.data(), text.size(),
                                           pugi::parse_default | pugi::parse_ws_pcdata_single);
  if (!result) {
    throw invalid_argument("XML: {} at offset {}", result.description(), result.offset);
  }
  const auto root = document.document_element();
  if (!root) throw invalid_argument("XML: no root element");
  return convert(root, 1);
}

}  // namespace slipway
