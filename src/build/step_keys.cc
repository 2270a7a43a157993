#include "build/step_keys.h"

#include "codec/hash.h"

namespace slipway::build {

namespace {

// Texts with their lengths: two different lists never give the same bytes.
class Fields {
 public:
  Fields& add(std::string_view text) {
    out_ += fmt::format("{}:", text.size());
    out_ += text;
    return *this;
  }
  Fields& add(const std::vector<std::string>& texts) {
    out_ += fmt::format("[{}]", texts.size());
    for (const auto& text : texts) add(std::string_view(text));
    return *this;
  }
  const std::string& text() const { return out_; }

 private:
  std::string out_;
};

}  // namespace

std::string run_inputs(const RunInputs& run) {
  return Fields{}
      .add("run")
      .add(run.words)
      .add(run.env)
      .add(run.user)
      .add(run.working_dir)
      .add(run.network)
      .add(run.mounts)
      .add(run.insecure ? "insecure" : "")
      .text();
}

std::string copy_inputs(const CopyInputs& copy) {
  return Fields{}
      .add(copy.add ? "add 2" : "copy 2")
      .add(copy.sums)
      .add(copy.destination)
      .add(copy.chown)
      .add(copy.chmod)
      .add(copy.options)
      .text();
}

std::string layer_key(const std::vector<image::Digest>& below, std::string_view inputs) {
  return sha256_hex(Fields{}.add("layer").add(below).add(inputs).text());
}

std::string config_key(std::string_view before, std::string_view inputs) {
  return sha256_hex(Fields{}.add("config").add(before).add(inputs).text());
}

}  // namespace slipway::build
