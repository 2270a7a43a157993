// For tests of whoever needs images: a store, a content store and Images in a folder of their own.
#pragma once
#include <string>

#include "base/files.h"
#include "base/ids.h"
#include "codec/compress.h"
#include "codec/hash.h"
#include "codec/tar.h"
#include "image/image.h"
#include "store/store.h"

namespace slipway::image {

struct TestImages {
  std::string root = "/tmp/slipway-images-" + random_hex(6);
  std::unique_ptr<store::Store> store = store::open_memory();
  std::unique_ptr<ContentStore> content = std::make_unique<ContentStore>(root);
  std::unique_ptr<Images> images = std::make_unique<Images>(root, *store, *content);

  ~TestImages() {
    images.reset();
    remove_tree(root);
  }
  void restart() {
    images.reset();
    content = std::make_unique<ContentStore>(root);
    images = std::make_unique<Images>(root, *store, *content);
  }
  // A layer with one file, as a registry would hand it over: only the blob.
  Images::Layer layer(const std::string& name, const std::string& text) {
    std::string tar;
    TarWriter writer([&](std::string_view bytes) { tar += bytes; });
    TarEntry entry;
    entry.name = name;
    entry.size = text.size();
    writer.add(entry);
    writer.write(text);
    writer.finish();
    std::string packed;
    const auto gzip = make_gzip_writer([&](std::string_view bytes) { packed += bytes; });
    gzip->write(tar);
    gzip->finish();
    return {
        {"application/vnd.docker.image.rootfs.diff.tar.gzip", content->put(packed), packed.size()},
        sha256_digest(tar),
        text.size()};
  }
  // An image of one layer with one file.
  Image image(const std::string& name, const std::string& text) {
    const auto one = layer(name, text);
    Config config;
    config.created = "2026-01-02T03:04:05Z";
    config.cmd = {"/" + name};
    config.diff_ids = {one.diff_id};
    return images->create(config, {one.descriptor});
  }
};

}  // namespace slipway::image
