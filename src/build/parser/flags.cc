#include "build/parser/flags.h"

#include "base/strings.h"
#include "build/parser/suggest.h"

namespace slipway::build {

namespace {

bool may_repeat(std::string_view name) {
  return name == "mount" || name == "exclude";
}

}  // namespace

Flags take_flags(const RawInstruction& raw, std::initializer_list<std::string_view> allowed) {
  Flags flags;
  for (const auto& [name, value] : raw.flags) {
    bool known = false;
    for (const auto one : allowed) known = known || one == name;
    if (!known)
      throw DockerfileError(
          raw.line, fmt::format("{}: unknown flag: {}{}", raw.keyword, name,
                                did_you_mean(name, std::vector<std::string>(allowed.begin(),
                                                                            allowed.end()))));
    if (!flags.emplace(name, value).second && !may_repeat(name)) {
      throw DockerfileError(raw.line,
                            fmt::format("{}: duplicate flag specified: {}", raw.keyword, name));
    }
  }
  return flags;
}

std::string flag(const Flags& flags, const std::string& name) {
  const auto at = flags.find(name);
  return at == flags.end() ? "" : at->second;
}

std::vector<std::string> repeated(const RawInstruction& raw, std::string_view wanted) {
  std::vector<std::string> out;
  for (const auto& [name, value] : raw.flags) {
    if (name == wanted) out.push_back(value);
  }
  return out;
}

std::optional<bool> switch_of(const RawInstruction& raw, const Flags& flags,
                              const std::string& name) {
  const auto at = flags.find(name);
  if (at == flags.end()) return std::nullopt;
  if (at->second.empty() || iequals(at->second, "true")) return true;
  if (iequals(at->second, "false")) return false;
  throw DockerfileError(raw.line, fmt::format("{} --{}: expecting boolean value, not: {}",
                                              raw.keyword, name, at->second));
}

}  // namespace slipway::build
