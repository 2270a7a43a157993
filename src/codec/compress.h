// Streaming compression: a gzip writer tuned for layers (ISA-L, its fastest level that still finds
// matches, several cores at once), a zstd writer, and readers for gzip, zstd, bzip2 and xz. No
// archive formats: those are in tar.h.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace slipway {

// Fills up to into.size() bytes; 0 only at the end. May throw.
using ByteSource = std::function<size_t(std::span<char> into)>;
// Takes all of it. May throw.
using ByteSink = std::function<void(std::string_view bytes)>;

class Compressor {
 public:
  virtual ~Compressor() = default;
  virtual void write(std::string_view bytes) = 0;
  // Flushes what is left and ends the stream. Without it the output is not valid.
  virtual void finish() = 0;
};

// The same bytes in always give the same bytes out, however they are cut into writes (no time or
// name in the header).
std::unique_ptr<Compressor> make_gzip_writer(ByteSink sink);
std::unique_ptr<Compressor> make_zstd_writer(ByteSink sink);

enum class Compression { none, gzip, zstd, bzip2, xz };
// From magic bytes (6 are enough); none when unknown.
Compression detect_compression(std::string_view first_bytes);
// "application/vnd.oci.image.layer.v1.tar+gzip", "...rootfs.diff.tar.gzip", "...tar+zstd", ...
Compression compression_of_media_type(std::string_view media_type);

// Decompressed bytes of source; without a compression given, detected from its first bytes (plain
// data then passes through). Throws Error(invalid_argument) on corrupt or truncated data.
ByteSource make_decompressor(ByteSource source, std::optional<Compression> compression = {});

ByteSource source_of_string(std::string_view bytes);  // bytes must outlive it
ByteSource source_of_fd(int fd);                      // from its current offset; not closed
std::string read_to_string(const ByteSource& source, size_t limit);  // throws Error(too_large)

}  // namespace slipway
