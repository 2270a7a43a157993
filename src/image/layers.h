// Unpacked layers: one directory per diff id, <root>/layers/<name>/fs, ready to be an overlay lower
// directory. Names are short and random (overlay's mount options have one page for all of them);
// the store says which directory is whose, and a directory without a row is rubbish.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/stop.h"
#include "image/image.h"
#include "store/store.h"

namespace slipway::image {

class Layers {
 public:
  Layers(std::string root, store::Store& store, ContentStore& content);
  ~Layers();
  // The directory of a layer, unpacked now if need be. Several callers: one unpacks, the others
  // wait. Throws Error(invalid_argument) when the archive is not what diff_id says.
  std::string ensure(const Descriptor& layer, const Digest& diff_id, const Stop& stop);
  Images::Layer commit(const std::string& upper_dir, const Stop& stop,
                       const Images::LayerOptions& options = {});
  Images::Layer copy(const std::string& directory, const Stop& stop);  // layers_import.cc
  Images::Layer import(const ByteSource& source, std::string_view expected, const Stop& stop);
  // File bytes of a layer that has been unpacked or packed here once.
  std::optional<uint64_t> size(const Digest& diff_id) const;
  // Forgets the sizes of layers that are neither live nor unpacked.
  void keep_sizes(const std::set<Digest>& live);
  std::vector<Digest> list() const;
  // Removes the layer unless it was asked for within the time. Returns whether it did.
  bool remove_if_idle(const Digest& diff_id, microseconds idle);
  // Writes unpacked files through to the disk and notes so: such layers survive a power cut. The
  // others are unpacked again after one (they cost nothing until then).
  void settle();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::image
