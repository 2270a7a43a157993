// nftables through libnftables: command text in, errors out. A batch is one transaction of the
// kernel: all of it or nothing.
#pragma once
#include <memory>
#include <string>

namespace slipway::linux {

// Speaks for the namespace of the thread that made it. Thread-safe.
class Nft {
 public:
  Nft();
  ~Nft();
  Nft(const Nft&) = delete;
  Nft& operator=(const Nft&) = delete;
  // Commands as `nft -f` reads them. Returns the output of list commands (JSON when json).
  // Throws Error(internal) with nftables' own message.
  std::string run(const std::string& commands, bool json = false);
  // The table with this body, whatever it held before. A new one costs ten milliseconds less than
  // one that is replaced: the kernel waits for readers of what is deleted.
  void make_table(const std::string& family, const std::string& name, const std::string& body);
  bool table_exists(const std::string& family, const std::string& name);
  void delete_table(const std::string& family, const std::string& name);  // absent is fine

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace slipway::linux
