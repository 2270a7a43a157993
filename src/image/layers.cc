// Unpacked layers: who unpacks, where they lie, what survives a crash.
#include "image/layers.h"

#include <fcntl.h>
#include <filesystem>
#include <unordered_map>

#include "base/error.h"
#include "base/files.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/sync.h"
#include "codec/compress.h"
#include "codec/hash.h"
#include "codec/tar.h"
#include "image/layer_pack.h"
#include "image/layer_stream.h"
#include "image/manifest.h"
#include "image/unpack.h"
#include "store/table.h"

namespace slipway::image {

namespace {

struct LayerRow {
  std::string diff_id, directory, boot;  // boot: unpacked in this boot and not yet settled
  uint64_t size = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(LayerRow, diff_id, directory, boot, size)

constexpr store::Table<LayerRow> layer_table{"image_layer"};

// How much is in a layer, also while it is not unpacked.
struct LayerSizeRow {
  std::string diff_id;
  uint64_t size = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LayerSizeRow, diff_id, size)

constexpr store::Table<LayerSizeRow> layer_size_table{"image_layer_size"};

std::string boot_id() {
  const auto text = read_file_if_exists("/proc/sys/kernel/random/boot_id");
  return text ? text->substr(0, 36) : "unknown";
}

}  // namespace

struct Layers::Impl {
  struct State {
    std::unordered_map<Digest, LayerRow> known;
    std::set<Digest> in_progress;
    std::unordered_map<Digest, SteadyTime> used;
    std::unordered_map<Digest, uint64_t> sizes;
  };

  std::string root;  // .../layers
  store::Store& store;
  ContentStore& content;
  std::string boot = boot_id();
  Sync<State> state;

  std::string path(const LayerRow& row) const { return root + "/" + row.directory + "/fs"; }

  // Takes in the rows of the last run; what a crash left half done goes.
  void load() {
    std::vector<Digest> lost;
    std::set<std::string> kept;
    store.read([&](const store::Reader& db) {
      for (const auto& row : layer_table.scan(db)) {
        const bool trusted = row->boot.empty() || row->boot == boot;
        if (!trusted || !exists(path(*row))) {
          lost.push_back(row->diff_id);
          continue;
        }
        kept.insert(row->directory);
        auto s = state.lock();
        s->known[row->diff_id] = *row;
        s->sizes[row->diff_id] = row->size;
      }
      for (const auto& row : layer_size_table.scan(db))
        state.lock()->sizes[row->diff_id] = row->size;
    });
    if (!lost.empty())
      store.write([&](store::Writer& db) {
        for (const auto& id : lost) layer_table.erase(db, id);
      });
    for (const auto& entry : std::filesystem::directory_iterator(root))
      if (!kept.contains(entry.path().filename())) remove_tree(entry.path());
  }

  std::optional<std::string> lookup(const Digest& diff_id, State& s) const {
    const auto it = s.known.find(diff_id);
    if (it == s.known.end()) return std::nullopt;
    s.used[diff_id] = std::chrono::steady_clock::now();
    return path(it->second);
  }

  // The directory if it is there; nullopt: the caller is now the one to make it (and must call
  // release).
  std::optional<std::string> claim(const Digest& diff_id, const Stop& stop) {
    auto s = state.lock();
    for (;;) {
      stop.throw_if_requested();
      if (auto found = lookup(diff_id, *s)) return found;
      if (s->in_progress.insert(diff_id).second) return std::nullopt;
      s.wait_until(std::chrono::steady_clock::now() + milliseconds(100),
                   [&](const State& now) { return !now.in_progress.contains(diff_id); });
    }
  }

  void release(const Digest& diff_id) {
    state.lock()->in_progress.erase(diff_id);
    state.notify_all();
  }

  void note_size(const Digest& diff_id, uint64_t size) {
    if (auto s = state.lock(); !s->sizes.try_emplace(diff_id, size).second) return;
    store.write([&](store::Writer& db) { layer_size_table.put(db, diff_id, {diff_id, size}); });
  }

  void publish(const LayerRow& row) {
    store.write([&](store::Writer& db) {
      layer_table.put(db, row.diff_id, row);
      layer_size_table.put(db, row.diff_id, {row.diff_id, row.size});
    });
    auto s = state.lock();
    s->sizes[row.diff_id] = row.size;
    s->known[row.diff_id] = row;
    s->used[row.diff_id] = std::chrono::steady_clock::now();
  }

  std::string unpack(const Descriptor& layer, const Digest& diff_id, const Stop& stop) {
    LayerRow row{diff_id, random_hex(8), boot, 0};
    const std::string directory = path(row);
    Finally discard([&] { discard_directory(row.directory); });
    make_directories(directory);
    const Fd blob = content.open(layer.digest);
    const std::string algorithm = diff_id.substr(0, diff_id.find(':'));
    const auto unpacked =
        unpack_layer(make_decompressor(source_of_fd(blob.get())), directory, stop, {}, algorithm);
    if (unpacked.diff_id != diff_id)
      throw invalid_argument("layer {} unpacks to {}, but the image's configuration says {}",
                             layer.digest, unpacked.diff_id, diff_id);
    row.size = unpacked.size;
    publish(row);
    discard.dismiss();
    return directory;
  }

  void discard_directory(const std::string& name) {
    try {
      remove_tree(root + "/" + name);
    } catch (const std::exception& e) {
      log::warning("image", "cannot remove {}/{}: {}", root, name, e.what());
    }
  }
};

Layers::Layers(std::string root, store::Store& store, ContentStore& content)
    : impl_(new Impl{std::move(root) + "/layers", store, content, boot_id(), {}}) {
  make_directories(impl_->root, 0700);
  impl_->load();
}

Layers::~Layers() = default;

std::string Layers::ensure(const Descriptor& layer, const Digest& diff_id, const Stop& stop) {
  if (auto found = impl_->claim(diff_id, stop)) return *found;
  Finally release([&] { impl_->release(diff_id); });
  return impl_->unpack(layer, diff_id, stop);
}

Images::Layer Layers::copy(const std::string& directory, const Stop& stop) {
  const auto out = pack_layer(impl_->content, directory, stop, {});
  impl_->note_size(out.diff_id, out.size);
  return out;
}

Images::Layer Layers::import(const ByteSource& source, std::string_view expected,
                             const Stop& stop) {
  LayerRow row{"", random_hex(8), impl_->boot, 0};
  Finally discard([&] { impl_->discard_directory(row.directory); });
  make_directories(impl_->path(row));
  const auto out = stream_layer(impl_->content, source, expected, impl_->path(row), stop);
  if (impl_->claim(out.diff_id, stop)) return out;  // the same content is unpacked already
  Finally release([&] { impl_->release(out.diff_id); });
  row.diff_id = out.diff_id;
  row.size = out.size;
  impl_->publish(row);
  discard.dismiss();
  return out;
}

Images::Layer Layers::commit(const std::string& upper_dir, const Stop& stop,
                             const Images::LayerOptions& options) {
  const Images::Layer out = pack_layer(impl_->content, upper_dir, stop, options);
  if (impl_->claim(out.diff_id, stop)) {  // the same content is unpacked already
    remove_tree(upper_dir);
    return out;
  }
  Finally release([&] { impl_->release(out.diff_id); });
  const LayerRow row{out.diff_id, random_hex(8), impl_->boot, out.size};
  make_directories(impl_->root + "/" + row.directory);
  check(::rename(upper_dir.c_str(), impl_->path(row).c_str()),
        "rename {} to {} (both must lie on one filesystem)", upper_dir, impl_->path(row));
  impl_->publish(row);
  return out;
}

std::optional<uint64_t> Layers::size(const Digest& diff_id) const {
  auto s = impl_->state.lock();
  const auto it = s->sizes.find(diff_id);
  if (it == s->sizes.end()) return std::nullopt;
  return it->second;
}

void Layers::keep_sizes(const std::set<Digest>& live) {
  std::vector<Digest> gone;
  {
    auto s = impl_->state.lock();
    for (const auto& [id, size] : s->sizes)
      if (!live.contains(id) && !s->known.contains(id)) gone.push_back(id);
    for (const auto& id : gone) s->sizes.erase(id);
  }
  if (gone.empty()) return;
  impl_->store.write([&](store::Writer& db) {
    for (const auto& id : gone) layer_size_table.erase(db, id);
  });
}

std::vector<Digest> Layers::list() const {
  std::vector<Digest> out;
  auto s = impl_->state.lock();
  for (const auto& [id, row] : s->known) out.push_back(id);
  return out;
}

bool Layers::remove_if_idle(const Digest& diff_id, microseconds idle) {
  LayerRow row;
  {
    auto s = impl_->state.lock();
    const auto it = s->known.find(diff_id);
    if (it == s->known.end() || s->in_progress.contains(diff_id)) return false;
    const auto used = s->used.find(diff_id);
    if (used != s->used.end() && std::chrono::steady_clock::now() - used->second < idle)
      return false;
    row = it->second;
    s->known.erase(it);
    s->used.erase(diff_id);
    s->in_progress.insert(diff_id);  // nobody unpacks it anew until the row is gone
  }
  Finally release([&] { impl_->release(diff_id); });
  impl_->store.write([&](store::Writer& db) { layer_table.erase(db, diff_id); });
  impl_->discard_directory(row.directory);
  return true;
}

void Layers::settle() {
  std::vector<LayerRow> fresh;
  {
    auto s = impl_->state.lock();
    for (const auto& [id, row] : s->known)
      if (!row.boot.empty()) fresh.push_back(row);
  }
  if (fresh.empty()) return;
  const Fd root = open_file(impl_->root, O_RDONLY | O_DIRECTORY);
  check(::syncfs(root.get()), "sync {}", impl_->root);
  impl_->store.write([&](store::Writer& db) {
    for (auto row : fresh) {
      if (!layer_table.get(db, row.diff_id)) continue;
      row.boot.clear();
      layer_table.put(db, row.diff_id, row);
    }
  });
  auto s = impl_->state.lock();
  for (const auto& row : fresh)
    if (const auto it = s->known.find(row.diff_id);
        it != s->known.end() && it->second.directory == row.directory)
      it->second.boot.clear();
}

}  // namespace slipway::image
