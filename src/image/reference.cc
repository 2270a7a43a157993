// Image names with Docker's grammar and Docker's shorthands, hand-parsed: names come from outside
// and std::regex recurses on long input.
#include "base/error.h"
#include "base/strings.h"
#include "image/image.h"

namespace slipway::image {

namespace {

bool lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool alnum(char c) {
  return lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}
bool lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// [a-z0-9]+ joined by one '.', one or two '_', or any number of '-'.
bool valid_component(std::string_view text) {
  if (text.empty() || !lower_or_digit(text.front()) || !lower_or_digit(text.back())) return false;
  for (size_t i = 0; i < text.size();) {
    if (lower_or_digit(text[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < text.size() && !lower_or_digit(text[end])) ++end;
    const auto separator = text.substr(i, end - i);
    const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
    i = end;
  }
  return true;
}

bool valid_path(std::string_view path) {
  for (const auto& component : split(path, '/'))
    if (!valid_component(component)) return false;
  return true;
}

bool valid_domain_label(std::string_view label) {
  if (label.empty() || !alnum(label.front()) || !alnum(label.back())) return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return alnum(c) || c == '-'; });
}

bool valid_domain(std::string_view domain) {
  std::string_view host = domain, port;
  if (!domain.empty() && domain.front() == '[') {
    const auto end = domain.find(']');
    if (end == std::string_view::npos) return false;
    host = domain.substr(1, end - 1);
    if (host.empty() || host.find_first_not_of("0123456789abcdefABCDEF:") != host.npos)
      return false;
    if (end + 1 == domain.size()) return true;
    if (domain[end + 1] != ':') return false;
    port = domain.substr(end + 2);
  } else {
    const auto colon = domain.find(':');
    if (colon == std::string_view::npos) {
      port = "0";
    } else {
      host = domain.substr(0, colon);
      port = domain.substr(colon + 1);
    }
    for (const auto& label : split(host, '.'))
      if (!valid_domain_label(label)) return false;
  }
  return !port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos;
}

bool valid_tag(std::string_view tag) {
  return !tag.empty() && tag.size() <= 128 && tag.front() != '.' && tag.front() != '-' &&
         only_alnum_and(tag, "_.-");
}

[[noreturn]] void malformed() {
  throw invalid_argument("invalid reference format");
}

void split_domain(std::string_view name, Reference& out) {
  const auto slash = name.find('/');
  const auto first = name.substr(0, slash);
  const bool has_domain =
      slash != std::string_view::npos &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost" ||
       std::any_of(first.begin(), first.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
  out.domain = has_domain ? std::string(first) : "docker.io";
  out.path = std::string(has_domain ? name.substr(slash + 1) : name);
  if (out.domain == "index.docker.io") out.domain = "docker.io";
  if (out.domain == "docker.io" && out.path.find('/') == std::string::npos)
    out.path = "library/" + out.path;
}

}  // namespace

bool valid_digest(std::string_view text) {
  const auto hex = [&](std::string_view prefix, size_t digits) {
    return text.substr(0, prefix.size()) == prefix && text.size() == prefix.size() + digits &&
           lower_hex(text.substr(prefix.size()));
  };
  return hex("sha256:", 64) || hex("sha512:", 128);
}

bool valid_repository_path(std::string_view path) {
  return path.size() <= 256 && valid_path(path);
}

bool valid_tag_name(std::string_view tag) {
  return valid_tag(tag);
}

Reference Reference::parse(std::string_view text) {
  if (text.empty() || text.size() > 1024) malformed();
  if (text.size() == 64 && lower_hex(text))
    throw invalid_argument(
        "invalid repository name ({}), cannot specify 64-byte hexadecimal strings", text);
  Reference out;
  auto name = text;
  if (const auto at = name.find('@'); at != std::string_view::npos) {
    out.digest = std::string(name.substr(at + 1));
    if (!valid_digest(out.digest)) malformed();
    name = name.substr(0, at);
  }
  const auto slash = name.rfind('/');
  const auto colon = name.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    out.tag = std::string(name.substr(colon + 1));
    if (!valid_tag(out.tag)) malformed();
    name = name.substr(0, colon);
  }
  if (name.empty()) malformed();
  split_domain(name, out);
  if (to_lower(out.path) != out.path)
    throw invalid_argument("invalid reference format: repository name ({}) must be lowercase",
                           out.path);
  if (!valid_domain(out.domain) || !valid_path(out.path)) malformed();
  if (out.path.size() > 255)
    throw invalid_argument("repository name must not be more than 255 characters");
  if (out.tag.empty() && out.digest.empty()) out.tag = "latest";
  return out;
}

std::string Reference::name() const {
  return domain + "/" + path;
}

namespace {
std::string with_suffix(std::string name, const Reference& of) {
  if (!of.digest.empty()) return name + "@" + of.digest;
  return name + ":" + of.tag;
}
}  // namespace

std::string Reference::familiar() const {
  if (domain != "docker.io") return full();
  constexpr std::string_view library = "library/";
  const bool official = path.substr(0, library.size()) == library &&
                        path.find('/', library.size()) == std::string::npos;
  return with_suffix(official ? path.substr(library.size()) : path, *this);
}

std::string Reference::full() const {
  return with_suffix(name(), *this);
}

}  // namespace slipway::image
