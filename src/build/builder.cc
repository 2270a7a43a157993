#include "build/builder.h"

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/strings.h"
#include "build/cache_from.h"
#include "build/mounted_tree.h"
#include "build/stages.h"
#include "codec/tar.h"
#include "image/diff.h"
#include "linux/mounts.h"

namespace slipway::build {

namespace {

BuildFile read_dockerfile(const Context& context, const std::string& name) {
  const auto text = context.read_file(name);
  if (!text) {
    const std::string why = context.why_missing(name);
    throw invalid_argument("Cannot locate specified Dockerfile: {}{}", name,
                           why.empty() ? "" : " (" + why + ")");
  }
  return interpret(parse_dockerfile(*text));
}

// ARGs before the first FROM, and those that every Dockerfile may name without declaring.
void set_global_args(Job& job, const BuildFile& file) {
  for (const char* side : {"BUILD", "TARGET"}) {
    const std::string prefix = side;
    job.global_args[prefix + "PLATFORM"] = "linux/amd64";
    job.global_args[prefix + "OS"] = "linux";
    job.global_args[prefix + "ARCH"] = "amd64";
    job.global_args[prefix + "VARIANT"] = "";
  }
  job.global_args["TARGETSTAGE"] = job.request.target.empty() ? "default" : job.request.target;
  for (const auto& arg : file.global_args) {
    for (const auto& [name, value] : arg.args) {
      job.use_arg(name);
      const auto given = job.request.build_args.find(name);
      if (given != job.request.build_args.end()) {
        job.global_args[name] = given->second;
      } else if (value) {
        job.global_args[name] = expand_global(job.global_args, *value, 1, job.escape);
      }
    }
  }
}

void check_platform(const std::string& platform) {
  if (platform.empty() || platform == "linux/amd64" || platform == "linux") return;
  throw invalid_argument("platform {} cannot be built on this machine (linux/amd64)", platform);
}

std::optional<int64_t> source_date_epoch(const Request& request) {
  const auto at = request.build_args.find("SOURCE_DATE_EPOCH");
  if (at == request.build_args.end() || at->second.empty()) return std::nullopt;
  const auto value = parse_int(at->second);
  if (!value || *value < 0 || *value > 253'402'300'799)
    throw invalid_argument("SOURCE_DATE_EPOCH must be seconds since 1970, not \"{}\"", at->second);
  return value;
}

void add_labels(image::Config& config, const std::map<std::string, std::string>& labels) {
  for (const auto& [name, value] : labels) {
    std::erase_if(config.labels, [&name = name](const auto& pair) { return pair.first == name; });
    config.labels.emplace_back(name, value);
  }
}

void warn_unused_args(Job& job) {
  const auto used = job.used_args();
  std::vector<std::string> unused;
  for (const auto& [name, value] : job.request.build_args) {
    if (!used.contains(name) && !to_upper(name).ends_with("_PROXY") && name != "SOURCE_DATE_EPOCH")
      unused.push_back(name);
  }
  if (!unused.empty())
    job.say(fmt::format("[Warning] One or more build-args [{}] were not consumed\n",
                        join(unused, " ")));
}

void announce(Job& job, const Plan& plan, size_t target) {
  Event begin;
  begin.kind = Event::Kind::begin;
  begin.steps = plan.steps();
  for (size_t i = 0; i <= target; ++i)
    if (plan.needed(i)) begin.stages.push_back(static_cast<int>(i));
  job.tell(begin);
}

// The target's files as one archive.
void write_files(Job& job, const StageResult& result) {
  const MountedTree tree(job, result);
  TarWriter tar(job.request.files);
  image::write_contents(tree.root().fd(), tar, job.stop);
  tar.finish();
}

// What is compared with the last time: the image's name, whatever its tag.
std::string scope_of(const Request& request, const std::vector<image::Reference>& names) {
  const std::string what = names.empty() ? request.dockerfile : names[0].name();
  return what + "\n" + request.target;
}

}  // namespace

struct Builder::Impl {
  explicit Impl(Deps wanted)
      : deps(std::move(wanted)),
        cache(deps.store, deps.images, deps.content, deps.clock),
        cache_mounts(deps.root + "/cache-mounts", deps.store, deps.clock) {}

  std::string build(const Request& request, const ByteSource& tar, const Observer& observer,
                    const Stop& stop);

  // The stages, the image, its names.
  std::string run(Job& job, const BuildFile& file, const std::vector<image::Reference>& names) {
    Plan plan(file, job.global_args);
    const size_t target = plan.choose(job.request.target);
    plan.need(target);
    job.stage_names = plan.stage_names();
    announce(job, plan, target);
    import_images(job);
    const Finally note([&] {  // also of a build that fails: its good steps stay
      try {
        cache.flush();
        job.explainer.flush();
      } catch (const std::exception& e) {
        log::warning("build", "the cache could not be written: {}", e.what());
      }
    });
    StageResult result = Stages(job, file, plan).build(target);
    if (job.request.files) {
      write_files(job, result);
      warn_unused_args(job);
      return "";
    }
    const auto made = finish(job, std::move(result));
    for (const auto& name : names) deps.images.tag(made.id, name);
    warn_unused_args(job);
    job.say(fmt::format("Successfully built {}\n", made.id.substr(made.id.find(':') + 1, 12)));
    for (const auto& name : names)
      job.say(fmt::format("Successfully tagged {}\n", name.familiar()));
    return made.id;
  }

  image::Image finish(Job& job, StageResult result) const {
    add_labels(result.config, job.request.labels);
    if (result.config.created.empty()) result.config.created = to_rfc3339(TimePoint{}, 0);
    return deps.images.create(result.config, result.layers);
  }

  Deps deps;
  Cache cache;
  CacheMounts cache_mounts;
};

Builder::Builder(Deps deps) : impl_(std::make_unique<Impl>(std::move(deps))) {}

Builder::~Builder() = default;

void Builder::recover() {
  const Deps& deps = impl_->deps;
  for (const auto& container : deps.engine.list()) {
    if (container.spec.owner != "build") continue;
    try {
      deps.engine.remove(container.id, true, true);
    } catch (const Error& e) {
      if (e.kind() != Kind::not_found)
        log::warning("build", "container {} of a build that was cut off: {}", container.id,
                     e.what());
    }
  }
  impl_->cache_mounts.recover();
  for (const std::string part : {"/contexts", "/work"}) {
    linux::unmount_below(deps.root + part);
    remove_tree(deps.root + part);
  }
}

// An error of the file's text says in which file it is.
std::string Builder::build(const Request& request, const ByteSource& tar, const Observer& observer,
                           const Stop& stop) {
  try {
    return impl_->build(request, tar, observer, stop);
  } catch (const DockerfileError& e) {
    throw invalid_argument("{}:{}: {}", request.shown(), e.line(), e.what());
  }
}

std::string Builder::Impl::build(const Request& request, const ByteSource& tar,
                                 const Observer& observer, const Stop& stop) {
  std::vector<image::Reference> names;
  for (const auto& tag : request.tags) names.push_back(image::Reference::parse(tag));
  check_platform(request.platform);
  Context context(deps.root + "/contexts", tar, request.dockerfile);
  context.set_shown_name(request.shown_context);
  const BuildFile file = read_dockerfile(context, request.dockerfile);
  context.apply_ignore();
  if (request.outside) {
    context.leave_out(request.dockerfile);
    context.leave_out(request.dockerfile + ".dockerignore");
  }

  const std::string work = deps.root + "/work/" + random_hex(8);
  make_directories(work, 0700);
  Explainer explainer(deps.store, scope_of(request, names));
  Job job(JobParts{deps, request, context, observer, stop.child(), cache, cache_mounts, explainer});
  const Finally clean([&] {
    try {
      job.unmount();
      context.unmount();
      remove_tree(work);
    } catch (const std::exception& e) {
      log::warning("build", "{} is left: {}", work, e.what());
    }
  });
  job.escape = file.escape;
  job.work_dir = work;
  job.epoch = source_date_epoch(request);
  set_global_args(job, file);
  return run(job, file, names);
}

std::vector<CacheUsage> Builder::cache_usage() const {
  auto out = impl_->cache.usage();
  for (auto& one : impl_->cache_mounts.usage()) out.push_back(std::move(one));
  return out;
}

Pruned Builder::prune_cache(const PruneOptions& options) {
  Pruned out = impl_->cache_mounts.shrink(options);
  PruneOptions rest = options;
  const uint64_t mounts = impl_->cache_mounts.bytes();
  // At least one: nothing to keep means that everything goes.
  if (options.keep_bytes > 0)
    rest.keep_bytes =
        std::max<uint64_t>(1, options.keep_bytes - std::min(options.keep_bytes, mounts));
  const Pruned steps = impl_->cache.shrink(rest);
  out.ids.insert(out.ids.end(), steps.ids.begin(), steps.ids.end());
  out.bytes += steps.bytes;
  return out;
}

void Builder::collect() {
  impl_->cache.forget_stale();
  const uint64_t cap = impl_->deps.cache_cap;
  const uint64_t kept = impl_->cache.bytes() + impl_->cache_mounts.bytes();
  if (kept <= cap) return;
  PruneOptions options;
  options.keep_bytes = cap;
  const auto gone = prune_cache(options);
  log::info("build", "the build cache had {} bytes, more than its cap of {}: {} freed", kept, cap,
            gone.bytes);
}

std::function<bool(const image::Digest&)> Builder::claims() const {
  return impl_->cache.claims();
}

}  // namespace slipway::build
