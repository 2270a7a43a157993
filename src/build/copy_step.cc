// COPY, ADD and WORKDIR: files of the context, of another stage, of an image or of the net that
// become a layer.
#include <fcntl.h>
#include <filesystem>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "build/mounted_tree.h"
#include "build/stage.h"
#include "build/step_keys.h"
#include "container/accounts.h"
#include "net/http.h"

namespace slipway::build {

namespace {

bool is_url(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

// A file fetched for ADD, below dir; returns its name.
std::string download(const Job& job, const std::string& url, const std::string& dir) {
  net::ClientRequest request;
  request.url = url;
  const auto response = net::request(request, job.stop);
  if (response->status() != 200)
    throw invalid_argument("ADD failed: {} answered {}", url, response->status());
  std::string path = net::parse_url(url).path_and_query;
  path = path.substr(0, path.find('?'));
  std::string name = std::filesystem::path(path).filename();
  if (name.empty() || name == "." || name == "..")
    throw invalid_argument("ADD failed: no file name in {}", url);
  const Fd fd = open_file(dir + "/" + name, O_WRONLY | O_CREAT | O_EXCL, 0600);
  char buffer[65536];
  while (const size_t n = response->read(buffer)) write_all(fd.get(), {buffer, n});
  return name;
}

const Heredoc* heredoc_of(const Copy& copy, const std::string& source) {
  if (!source.starts_with("<<")) return nullptr;
  for (const auto& doc : copy.heredocs) {
    if (source.find(doc.name) != std::string::npos) return &doc;
  }
  return nullptr;
}

uint32_t parse_mode(const std::string& text, int line) {
  if (text.size() <= 4 && text.find_first_not_of("01234567") == std::string::npos)
    return static_cast<uint32_t>(std::stoul(text, nullptr, 8));
  throw DockerfileError(
      line,
      fmt::format("invalid chmod parameter: '{}'. it should be octal string and between 0 and "
                  "07777",
                  text));
}

}  // namespace

// The sources of one COPY or ADD, found and hashed. Downloads and heredocs become files of a folder
// of their own.
struct StageBuilder::CopySources {
  explicit CopySources(const Job& job)
      : dir(fmt::format("{}/extra-{}", job.work_dir, random_hex(8))) {
    make_directories(dir);
    extra = std::make_unique<linux::Root>(dir);
  }
  ~CopySources() {
    try {
      remove_tree(dir);
    } catch (const std::exception&) {  // goes with the build's folder
    }
  }
  CopySources(const CopySources&) = delete;
  CopySources& operator=(const CopySources&) = delete;

  struct One {
    std::vector<Selected> files;
    bool made = false;  // below extra
  };
  std::string dir;
  std::unique_ptr<linux::Root> extra;
  std::unique_ptr<MountedTree> tree;  // of --from
  const linux::Root* root = nullptr;  // the tree's or the context's
  const Ignore* ignore = nullptr;
  std::vector<One> list;
  std::vector<std::string> sums;

  void add(std::vector<Selected> files, bool made) {
    sums.push_back(made ? checksum(*extra, files, nullptr) : checksum(*root, files, ignore));
    list.push_back({std::move(files), made});
  }
};

void StageBuilder::open_sources(const Copy& copy, CopySources& sources) {
  if (copy.from.empty()) {
    sources.root = &job_.context.root();
    sources.ignore = &job_.context.ignore();
    return;
  }
  const std::string name = expand(copy.from);
  if (const StageResult* stage = find_stage_(name)) {
    sources.tree = std::make_unique<MountedTree>(job_, *stage);
  } else {
    const auto found = image_named(name, false);
    job_.keep(found.config.diff_ids, found.layers);
    sources.tree = std::make_unique<MountedTree>(job_, StageResult{found.config, found.layers});
  }
  sources.root = &sources.tree->root();
}

void StageBuilder::find_sources(const Copy& copy, CopySources& sources) {
  const auto lookup = [this](const std::string& name) { return variable(name); };
  for (const auto& raw : copy.sources) {
    if (const Heredoc* doc = heredoc_of(copy, raw)) {
      sources.extra->write_file(
          doc->name, doc->expand ? expand_text(doc->content, lookup, job_.escape) : doc->content);
      sources.add(select(*sources.extra, doc->name, nullptr), true);
    } else if (const std::string source = expand(raw); copy.add && is_url(source)) {
      sources.add(select(*sources.extra, download(job_, source, sources.dir), nullptr), true);
    } else {
      sources.add(select(*sources.root, source, sources.ignore), false);
    }
  }
}

void StageBuilder::write_sources(const Copy& copy, const CopySources& sources,
                                 const std::string& destination, const WritableTree& to) {
  CopyOptions options;
  if (!copy.chown.empty()) {
    const auto identity = container::resolve_user_in(to.path(), expand(copy.chown));
    options.owner = Owner{identity.uid, identity.gid};
  }
  if (!copy.chmod.empty()) options.mode = parse_mode(expand(copy.chmod), line_);
  for (const auto& [files, made] : sources.list) {
    options.ignore = made ? nullptr : sources.ignore;
    options.unpack_archives = copy.add && !made;
    slipway::build::copy(made ? *sources.extra : *sources.root, files, to.root(), destination,
                         copy.sources.size() > 1, options);
  }
}

void StageBuilder::apply(const Copy& copy, const Instruction& instruction) {
  const std::string keyword = copy.add ? "ADD" : "COPY";
  const std::string destination = absolute(expand(copy.destination));
  if (copy.sources.size() > 1 && !destination.ends_with('/')) {
    throw DockerfileError(line_, fmt::format("When using {} with more than one source file, the "
                                             "destination must be a directory and end with a /",
                                             keyword));
  }
  CopySources sources(job_);
  open_sources(copy, sources);
  find_sources(copy, sources);
  const CopyInputs inputs{copy.add, sources.sums, destination, expand(copy.chown),
                          expand(copy.chmod)};
  layered(copy_inputs(inputs), instruction.original,
          [&](const std::string& upper, const std::vector<std::string>& lower) {
            write_sources(copy, sources, destination, WritableTree(job_, lower, upper));
          });
}

void StageBuilder::apply(const Workdir& workdir, const Instruction& instruction) {
  const std::string path = absolute(expand(workdir.path));
  config_.working_dir =
      path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  layered("WORKDIR " + config_.working_dir, instruction.original,
          [&](const std::string& upper, const std::vector<std::string>& lower) {
            const WritableTree tree(job_, lower, upper);
            if (!tree.root().stat(config_.working_dir))
              tree.root().make_directories(config_.working_dir);
          });
}

}  // namespace slipway::build
