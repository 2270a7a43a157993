#include "build/sources.h"

#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "build/parser/suggest.h"
#include "build/plain_copy.h"
#include "build/select.h"
#include "codec/hash.h"
#include "net/http.h"

namespace slipway::build {

namespace {

constexpr int kMostRedirects = 10;

std::string absolute_location(const std::string& url, std::string_view location) {
  if (is_url(std::string(location))) return std::string(location);
  const auto base = net::parse_url(url);
  if (location.starts_with("//")) return base.scheme + ":" + std::string(location);
  const std::string site = url.substr(0, url.find('/', url.find("://") + 3));
  if (location.starts_with('/')) return site + std::string(location);
  const std::string path = base.path_and_query.substr(0, base.path_and_query.find('?'));
  return site + path.substr(0, path.rfind('/') + 1) + std::string(location);
}

std::unique_ptr<net::ClientResponse> get(const std::string& first, const Stop& stop) {
  std::string url = first;
  for (int i = 0; i <= kMostRedirects; ++i) {
    net::ClientRequest request;
    request.url = url;
    auto response = net::request(request, stop);
    const int status = response->status();
    const std::string location(response->headers().get("Location"));
    if (status == 200) return response;
    if (status < 300 || status >= 400 || location.empty())
      throw invalid_argument("{} answered {}", url, status);
    url = absolute_location(url, location);
    if (!is_url(url)) throw invalid_argument("{} leads to {}, which is no web address", first, url);
  }
  throw invalid_argument("{} leads from one redirect to the next", first);
}

std::string name_in(const std::string& url) {
  std::string path = net::parse_url(url).path_and_query;
  path = path.substr(0, path.find_first_of("?#"));
  std::string name = path.substr(path.rfind('/') + 1);
  if (name.empty() || name == "." || name == ".." || name.size() > 255 ||
      name.find('\0') != std::string::npos)
    throw invalid_argument("cannot determine a file name for source {}", url);
  return name;
}

// The time of a file that was fetched is the server's, or the epoch: no two builds differ by it.
timespec modified(const net::ClientResponse& response) {
  const std::string text(response.headers().get("Last-Modified"));
  tm parts{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S", &parts);
  return {end != nullptr ? ::timegm(&parts) : 0, 0};
}

// Fetches into a new file of dir; returns its sha256.
std::string fetch(const std::string& url, const linux::Root& dir, const std::string& name,
                  const Stop& stop) {
  const auto response = get(url, stop);
  Hasher hash;
  const Fd fd = dir.open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  std::vector<char> buffer(128 * 1024);
  while (const size_t n = response->read(buffer)) {
    hash.update({buffer.data(), n});
    write_all(fd.get(), {buffer.data(), n});
  }
  const timespec time = modified(*response);
  const timespec times[] = {time, time};
  check(::futimens(fd.get(), times), "set the times of {}", name);
  return hash.digest();
}

}  // namespace

bool is_url(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

bool is_git_url(const std::string& text) {
  if (text.starts_with("git://") || text.starts_with("ssh://") || text.starts_with("git@"))
    return true;
  const std::string path = text.substr(0, text.find_first_of("#?"));
  return is_url(text) && path.ends_with(".git");
}

CopySources::~CopySources() {
  try {
    tree_.reset();
    if (!dir_.empty()) remove_tree(dir_);
  } catch (const std::exception&) {  // goes with the build's folder
  }
}

void CopySources::set_excludes(const std::vector<std::string>& patterns) {
  for (const auto& pattern : patterns) excludes_.add(pattern);
}

void CopySources::add_pattern(const std::string& pattern, bool parents) {
  items_.push_back({Kind::pattern, pattern, "", "", parents});
}

void CopySources::add_heredoc(const std::string& name, const std::string& content) {
  items_.push_back({Kind::heredoc, name, content, "", false});
}

void CopySources::add_url(const std::string& url, const std::string& checksum) {
  items_.push_back({Kind::url, url, "", checksum, false});
}

std::optional<std::string> CopySources::definition() const {
  std::string out = from_ ? "from " + join(from_->config.diff_ids, " ") + "\n" : "";
  for (const auto& item : items_) {
    if (item.kind == Kind::pattern && !from_) return std::nullopt;
    if (item.kind == Kind::url && item.checksum.empty()) return std::nullopt;
    out += fmt::format("{} {} {}\n", static_cast<int>(item.kind), item.parents,
                       sha256_hex(item.text + "\n" + item.content + "\n" + item.checksum));
  }
  return out;
}

const linux::Root& CopySources::extra() {
  if (extra_ == nullptr) {
    dir_ = fmt::format("{}/extra-{}", job_.work_dir, random_hex(8));
    make_directories(dir_);
    extra_ = std::make_unique<linux::Root>(dir_);
  }
  return *extra_;
}

const linux::Root& CopySources::root_of(const Item& item) const {
  if (item.kind != Kind::pattern) return *extra_;
  return tree_ != nullptr ? tree_->root() : job_.context.root();
}

void CopySources::select_in_tree(Item& item) {
  if (tree_ == nullptr) tree_ = std::make_unique<MountedTree>(job_, *from_);
  const linux::Root& root = tree_->root();
  try {
    item.files = select(root, item.text, item.parents);
  } catch (const NothingSelected& e) {
    const auto parts = source_parts(item.text);
    if (parts.empty()) throw;
    const std::string folder = "/" + join({parts.begin(), parts.end() - 1}, "/");
    const auto info = root.stat(folder);
    std::string hint = fmt::format("; there is no {}", folder);
    if (info && S_ISDIR(info->st_mode)) hint = did_you_mean(parts.back(), root.list(folder));
    throw invalid_argument("{}: file does not exist in {}{}", item.text, from_name_, hint);
  }
}

bool CopySources::write_plain(const linux::Root& lower, const std::string& destination,
                              const CopyOptions& options, bool add, const std::string& upper,
                              const std::function<std::string()>& earlier) const {
  if (from_ || !excludes_.empty()) return false;
  std::vector<std::string> patterns;
  for (const auto& item : items_) {
    if (item.kind != Kind::pattern || item.parents) return false;
    patterns.push_back(item.text);
  }
  PlainCopy copy(job_.context, lower, options);
  if (!copy.plan(patterns, destination, add)) return false;
  copy.write(upper, earlier());
  return true;
}

void CopySources::resolve_one(Item& item) {
  if (item.kind == Kind::pattern) {
    if (from_) return select_in_tree(item);
    item.files = select(root_of(item), item.text, item.parents);
    return;
  }
  // Each in a folder of its own: two may have one name.
  const std::string folder = fmt::format("{}", &item - items_.data());
  extra().make_directory(folder);
  std::string name = item.text;
  if (item.kind == Kind::heredoc) {
    extra().write_file(folder + "/" + name, item.content);
    extra().set_times(folder + "/" + name, {}, {});
  } else {
    name = name_in(item.text);
    const std::string digest = fetch(item.text, extra(), folder + "/" + name, job_.stop);
    if (!item.checksum.empty() && digest != item.checksum)
      throw invalid_argument("digest mismatch of {}: {}, not {}", item.text, digest, item.checksum);
  }
  item.files = {{folder + "/" + name, false, name, ""}};
}

void CopySources::resolve() {
  for (auto& item : items_)
    if (item.files.empty()) resolve_one(item);
}

std::vector<std::string> CopySources::sums(Parts& parts) {
  std::vector<std::string> out;
  const Ignore* excludes = excludes_.empty() ? nullptr : &excludes_;
  for (auto& item : items_) {
    FileSums files;
    if (item.kind == Kind::pattern && !from_) {
      out.push_back(job_.context.checksum(item.text, item.parents, excludes, &files));
    } else {
      resolve_one(item);
      const bool pattern = item.kind == Kind::pattern;
      out.push_back(checksum(root_of(item), item.files, pattern ? excludes : nullptr, &files));
    }
    for (auto& [path, sum] : files)
      parts.emplace_back("file " + (item.kind == Kind::pattern ? path : item.text), sum);
  }
  return out;
}

void CopySources::write(const linux::Root& to, const std::string& destination,
                        const CopyOptions& options, bool unpack_local, bool unpack_remote) {
  resolve();
  for (const auto& item : items_) {
    CopyOptions own = options;
    own.excludes = item.kind == Kind::pattern && !excludes_.empty() ? &excludes_ : nullptr;
    own.unpack_archives =
        (item.kind == Kind::pattern && unpack_local) || (item.kind == Kind::url && unpack_remote);
    copy(root_of(item), item.files, to, destination, items_.size() > 1, own);
  }
}

}  // namespace slipway::build
