#include "image/layer_pack.h"

#include "codec/compress.h"
#include "codec/hash.h"
#include "codec/tar.h"
#include "image/diff.h"
#include "image/manifest.h"

namespace slipway::image {

Images::Layer pack_layer(ContentStore& content, const std::string& directory, const Stop& stop,
                         const Images::LayerOptions& options) {
  Images::Layer out;
  auto ingest = content.ingest();
  Hasher hash;
  const ByteSink sink = [&](std::string_view bytes) { ingest->write(bytes); };
  const auto packer = options.zstd ? make_zstd_writer(sink) : make_gzip_writer(sink);
  TarWriter tar([&](std::string_view bytes) {
    hash.update(bytes);
    packer->write(bytes);
  });
  out.size = write_layer(directory, tar, stop, options.newest);
  tar.finish();
  packer->finish();
  out.descriptor.media_type =
      options.zstd ? "application/vnd.oci.image.layer.v1.tar+zstd" : media_docker_layer;
  out.descriptor.size = ingest->size();
  out.descriptor.digest = ingest->commit();
  out.diff_id = hash.digest();
  return out;
}

}  // namespace slipway::image
