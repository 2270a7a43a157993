// What a start prepares: root file system, network, files, OCI configuration, and the created, not
// yet running container with its conmon. Whatever was taken when a step throws is given back by
// Engine::Impl::release_resources.
#pragma once
#include "container/impl.h"
#include "linux/mounts.h"

namespace slipway::container {

struct Started {
  int pid = 0;
  std::shared_ptr<const Fd> process;  // its pidfd
  Joined joined;
};

// The layers of a container and where it writes: how its root is mounted.
linux::Overlay overlay_of(Engine::Impl& engine, const Record& record);

class Start {
 public:
  Start(Engine::Impl& engine, const Record& record)
      : engine_(engine),
        record_(record),
        spec_(record.info.spec),
        id_(record.info.id),
        directory_(engine.directory(id_)),
        run_(engine.run_directory(id_)),
        config_(engine.image_config(spec_)) {}

  // Up to the created, not yet running container.
  Started prepare();

 private:
  void mount_root();
  void connect();
  void join(const std::string& other);
  void write_files();
  void fill_volumes();
  void write_spec();
  Started create();
  std::string init_program() const;
  std::string refusing_runtime() const;
  // namespaces.cc
  void join_namespaces(struct OciInput& input);
  void take_compiled_filter(nlohmann::json& spec);
  void keep_compiled_filter() const;
  std::string joined_pid(const std::string& mode, const char* what) const;
  std::string shared_memory(const std::string& mode);
  void mount_subpaths();

  Engine::Impl& engine_;
  Record record_;
  const Spec& spec_;
  const std::string id_, directory_, run_;
  const image::Config config_;
  std::string new_filter_;  // a seccomp filter that the runtime is going to compile
  std::string rootfs_, netns_, hostname_, hosts_path_, hostname_path_, resolv_path_;
  Joined joined_;
};

}  // namespace slipway::container
