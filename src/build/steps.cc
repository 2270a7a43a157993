// The steps that change files: COPY, ADD, WORKDIR, and RUN's container.
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <sys/stat.h>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/strings.h"
#include "build/stage.h"
#include "codec/hash.h"
#include "codec/json.h"
#include "container/accounts.h"
#include "linux/mounts.h"
#include "net/http.h"

namespace slipway::build {

namespace {

// What a runtime makes mount points of, so that they do not turn up in a step's layer.
std::string stub_layer(const Job& job) {
  const std::string dir = job.deps.root + "/stubs";
  if (exists(dir)) return dir;
  const std::string made = dir + "-" + random_hex(8);
  for (const char* name : {"/dev/pts", "/dev/shm", "/dev/mqueue", "/proc", "/sys", "/etc"})
    make_directories(made + name);
  for (const char* name : {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/console"})
    write_file(made + name, "");
  std::error_code error;
  std::filesystem::rename(made, dir, error);  // somebody else may have been quicker
  if (error) remove_tree(made);
  return dir;
}

std::string empty_layer(const Job& job) {
  const std::string dir = job.deps.root + "/empty";
  make_directories(dir);
  return dir;
}

std::string make_target(const std::string& dir) {
  const std::string target = dir + "/mount-" + random_hex(8);
  make_directories(target);
  return target;
}

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

}  // namespace

std::vector<std::string> layer_dirs(Job& job, const StageResult& tree) {
  image::Image image;
  image.config.diff_ids = tree.config.diff_ids;
  image.layers = tree.layers;
  auto dirs = job.deps.images.unpack(image, job.stop);
  if (dirs.empty()) dirs.push_back(empty_layer(job));
  return dirs;
}

MountedTree::MountedTree(Job& job, const StageResult& tree) : target_(make_target(job.work_dir)) {
  linux::Overlay overlay;
  overlay.lower = layer_dirs(job, tree);
  linux::mount_overlay(overlay, target_);
  root_ = std::make_unique<linux::Root>(target_);
}

MountedTree::~MountedTree() {
  root_.reset();
  linux::unmount(target_);
}

void StageBuilder::write_files(const Copy& copy, const std::string& upper,
                               const std::vector<std::string>& lower, const linux::Root& from,
                               const std::vector<std::vector<Selected>>& sources,
                               const std::string& destination) {
  const std::string work = upper + "-work";
  make_directories(work);
  const std::string target = make_target(job_.work_dir);
  linux::mount_overlay({lower, upper, work, {}}, target);
  const linux::MountGuard guard(target);
  const linux::Root to(target);
  CopyOptions options;
  options.ignore = copy.from.empty() ? &job_.context.ignore() : nullptr;
  options.unpack_archives = copy.add;
  if (!copy.chown.empty()) {
    const auto identity = container::resolve_user_in(target, expand(copy.chown));
    options.owner = Owner{identity.uid, identity.gid};
  }
  if (!copy.chmod.empty()) {
    const std::string text = expand(copy.chmod);
    if (text.size() > 4 || text.find_first_not_of("01234567") != std::string::npos) {
      throw DockerfileError(
          line_,
          fmt::format(
              "invalid chmod parameter: '{}'. it should be octal string and between 0 and 07777",
              text));
    }
    options.mode = static_cast<uint32_t>(std::stoul(text, nullptr, 8));
  }
  const bool several = copy.sources.size() > 1;
  for (const auto& one : sources)
    slipway::build::copy(from, one, to, destination, several, options);
}

void StageBuilder::apply(const Copy& copy, const Instruction& instruction) {
  const std::string keyword = copy.add ? "ADD" : "COPY";
  const std::string destination = absolute(expand(copy.destination));
  if (copy.sources.size() > 1 && !expand(copy.destination).ends_with('/')) {
    throw DockerfileError(line_, fmt::format("When using {} with more than one source file, the "
                                             "destination must be a directory and end with a /",
                                             keyword));
  }
  std::unique_ptr<MountedTree> tree;
  // Downloads and heredocs become files of a folder of their own.
  const std::string extra_dir = fmt::format("{}/extra-{}", job_.work_dir, random_hex(8));
  make_directories(extra_dir);
  const Finally clean([&] { remove_tree(extra_dir); });
  const linux::Root extra(extra_dir);
  if (!copy.from.empty()) {
    const std::string name = expand(copy.from);
    if (const StageResult* stage = find_stage_(name)) {
      tree = std::make_unique<MountedTree>(job_, *stage);
    } else {
      if (!job_.deps.images.find(name)) {
        job_.deps.registry.pull(
            image::Reference::parse(name), std::nullopt, [](const registry::Progress&) {},
            job_.stop);
      }
      const auto found = job_.deps.images.get(name);
      tree = std::make_unique<MountedTree>(job_, StageResult{found.config, found.layers});
    }
  }
  const linux::Root& root = tree ? tree->root() : job_.context.root();
  const Ignore* ignore = tree ? nullptr : &job_.context.ignore();
  std::vector<std::vector<Selected>> selected, extras;
  std::string sums;
  try {
    for (const auto& raw : copy.sources) {
      const auto doc =
          std::find_if(copy.heredocs.begin(), copy.heredocs.end(), [&](const Heredoc& d) {
            return raw.starts_with("<<") && raw.find(d.name) != std::string::npos;
          });
      if (doc != copy.heredocs.end()) {
        const auto lookup = [this](const std::string& n) { return variable(n); };
        extra.write_file(
            doc->name, doc->expand ? expand_text(doc->content, lookup, job_.escape) : doc->content);
        extras.push_back(select(extra, doc->name, nullptr));
        sums += checksum(extra, extras.back(), nullptr) + "\n";
      } else if (const std::string source = expand(raw); copy.add && is_url(source)) {
        extras.push_back(select(extra, download(job_, source, extra_dir), nullptr));
        sums += checksum(extra, extras.back(), nullptr) + "\n";
      } else {
        selected.push_back(select(root, source, ignore));
        sums += checksum(root, selected.back(), ignore) + "\n";
      }
    }
  } catch (const DockerfileError&) {
    throw;
  } catch (const Error& e) {
    throw Error(e.kind(), fmt::format("{}:{}: {} failed: {}", job_.request.dockerfile, line_,
                                      keyword, e.what()));
  }
  const Json key = {
      {keyword, sums}, {"to", destination}, {"chown", expand(copy.chown)}, {"chmod", copy.chmod}};
  layered(key.dump(), instruction.original,
          [&](const std::string& upper, const std::vector<std::string>& lower) {
            if (!selected.empty()) write_files(copy, upper, lower, root, selected, destination);
            if (!extras.empty()) {
              Copy plain = copy;
              plain.add = false;
              write_files(plain, upper, lower, extra, extras, destination);
            }
          });
}

void StageBuilder::apply(const Workdir& workdir, const Instruction& instruction) {
  const std::string path = absolute(expand(workdir.path));
  config_.working_dir =
      path.size() > 1 && path.ends_with('/') ? path.substr(0, path.size() - 1) : path;
  layered("WORKDIR " + config_.working_dir, instruction.original,
          [&](const std::string& upper, const std::vector<std::string>& lower) {
            const std::string target = make_target(job_.work_dir);
            make_directories(upper + "-work");
            linux::mount_overlay({lower, upper, upper + "-work", {}}, target);
            const linux::MountGuard guard(target);
            const linux::Root root(target);
            if (!root.stat(config_.working_dir)) root.make_directories(config_.working_dir);
          });
}

int StageBuilder::run_container(const std::vector<std::string>& words, const std::string& upper,
                                const std::vector<std::string>& lower, const std::string& network) {
  container::Spec spec;
  spec.owner = "build";
  spec.lower_dirs = lower;
  spec.lower_dirs.insert(spec.lower_dirs.begin(), stub_layer(job_));
  spec.upper_dir = upper;
  spec.entrypoint_set = true;
  spec.cmd = words;
  spec.env = env_with_args();
  spec.user = config_.user;
  spec.working_dir = config_.working_dir.empty() ? "/" : config_.working_dir;
  const std::string mode = network.empty() ? job_.request.network_mode : network;
  spec.network_mode = mode == "default" ? "" : mode;
  spec.memory_bytes = job_.request.memory_bytes;
  spec.shm_size_bytes = job_.request.shm_size_bytes;
  spec.extra_hosts = job_.request.extra_hosts;
  container::Engine& engine = job_.deps.engine;
  const std::string id = engine.create(spec);
  const Finally remove([&] {
    try {
      engine.remove(id, true, true);
    } catch (const std::exception&) {  // gone already
    }
  });
  job_.say(fmt::format(" ---> Running in {}\n", id.substr(0, 12)));
  std::promise<void> attached;
  std::once_flag once;
  const auto ready = [&] { std::call_once(once, [&] { attached.set_value(); }); };
  const Stop stop = job_.stop.child();
  std::jthread reader([&] {
    container::Streams streams;
    streams.output = [&](int, std::string_view bytes) { job_.output(bytes); };
    try {
      engine.attach(id, streams, false, stop, ready);
    } catch (const std::exception&) {  // the exit code tells
    }
    ready();
  });
  const Finally end([&] { stop.request(); });
  attached.get_future().wait();
  engine.start(id);
  const int code = engine.wait(id, container::WaitCondition::not_running, stop);
  reader.join();
  return code;
}

}  // namespace slipway::build
