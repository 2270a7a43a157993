// A seccomp profile that the user gave (--security-opt seccomp=FILE), in the runtime's form.
#include <sys/utsname.h>

#include "base/error.h"
#include "base/strings.h"
#include "codec/json.h"
#include "container/seccomp.h"

namespace slipway::container {
namespace {

[[noreturn]] void bad_profile(const std::string& why) {
  throw invalid_argument("Decoding seccomp profile failed: {}", why);
}

std::vector<std::string> profile_list(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_array()) bad_profile(std::string(name) + " must be a list");
  std::vector<std::string> out;
  for (const Json& item : *found) {
    if (!item.is_string()) bad_profile(std::string(name) + " must hold strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::string profile_text(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_string()) bad_profile(std::string(name) + " must be a string");
  return found->get<std::string>();
}

std::pair<int, int> kernel_version() {
  utsname name{};
  if (::uname(&name) != 0) return {0, 0};
  const auto parts = split(name.release, '.');
  const auto number = [&](size_t i) {
    std::string digits = i < parts.size() ? parts[i] : "";
    digits.resize(std::min(digits.size(), digits.find_first_not_of("0123456789")));
    return static_cast<int>(parse_uint(digits).value_or(0));
  };
  return {number(0), number(1)};
}

constexpr const char* kMachine =
#if defined(__aarch64__)
    "arm64";
#else
    "amd64";
#endif

bool is_ours(const std::string& architecture) {
  return architecture == kMachine || (kMachine == std::string_view("amd64") &&
                                      (architecture == "x86" || architecture == "x32"));
}

struct Circumstances {
  const std::vector<std::string>& capabilities;
  std::pair<int, int> kernel;
  bool has(const std::string& capability) const {
    return std::find(capabilities.begin(), capabilities.end(), capability) != capabilities.end();
  }
};

bool kernel_is(const Json& condition, const Circumstances& now) {
  const auto text = profile_text(condition, "minKernel");
  const auto [major, minor] = split_once(text, '.');
  const auto a = parse_uint(major), b = parse_uint(minor);
  if (!a || !b) bad_profile("minKernel must look like 4.8");
  return now.kernel >= std::pair(static_cast<int>(*a), static_cast<int>(*b));
}

// All of includes must hold, none of excludes.
bool applies(const Json& entry, const Circumstances& now) {
  const auto condition = [&](const char* name) -> Json {
    const auto found = entry.find(name);
    if (found == entry.end() || found->is_null()) return Json::object();
    if (!found->is_object()) bad_profile(std::string(name) + " must be an object");
    return *found;
  };
  const Json includes = condition("includes"), excludes = condition("excludes");
  for (const std::string& name : profile_list(includes, "caps")) {
    if (!now.has(name)) return false;
  }
  for (const std::string& name : profile_list(excludes, "caps")) {
    if (now.has(name)) return false;
  }
  const auto wanted = profile_list(includes, "arches");
  if (!wanted.empty() && std::none_of(wanted.begin(), wanted.end(), is_ours)) return false;
  const auto unwanted = profile_list(excludes, "arches");
  if (std::any_of(unwanted.begin(), unwanted.end(), is_ours)) return false;
  if (includes.contains("minKernel") && !kernel_is(includes, now)) return false;
  return !excludes.contains("minKernel") || !kernel_is(excludes, now);
}

Json convert_rule(const Json& entry) {
  auto names = profile_list(entry, "names");
  const auto name = profile_text(entry, "name");
  if (!name.empty() && !names.empty())
    bad_profile(
        "'name' and 'names' were specified in the seccomp profile, use either 'name' or "
        "'names'");
  if (!name.empty()) names.push_back(name);
  Json out = {{"names", names}, {"action", profile_text(entry, "action")}};
  if (out["action"] == "") bad_profile("a rule without an action");
  for (const char* member : {"errnoRet", "args"}) {
    if (const auto found = entry.find(member); found != entry.end() && !found->is_null())
      out[member] = *found;
  }
  return out;
}

std::vector<std::string> architectures_of(const Json& profile) {
  const auto found = profile.find("archMap");
  if (found == profile.end() || found->is_null() || found->empty())
    return profile_list(profile, "architectures");
  if (!found->is_array()) bad_profile("archMap must be a list");
  const std::string native =
      kMachine == std::string_view("arm64") ? "SCMP_ARCH_AARCH64" : "SCMP_ARCH_X86_64";
  for (const Json& entry : *found) {
    if (!entry.is_object() || profile_text(entry, "architecture") != native) continue;
    auto out = profile_list(entry, "subArchitectures");
    out.insert(out.begin(), native);
    return out;
  }
  return {};
}

}  // namespace

Json convert_seccomp(std::string_view text, const std::vector<std::string>& capabilities) {
  Json profile;
  try {
    profile = parse_json(text, "seccomp profile");
  } catch (const Error& e) {
    bad_profile(e.what());
  }
  if (!profile.is_object()) bad_profile("want an object");
  Json out = {{"defaultAction", profile_text(profile, "defaultAction")},
              {"syscalls", Json::array()}};
  if (out["defaultAction"] == "") bad_profile("defaultAction is missing");
  for (const char* member : {"defaultErrnoRet", "flags", "listenerPath", "listenerMetadata"}) {
    if (const auto found = profile.find(member); found != profile.end() && !found->is_null())
      out[member] = *found;
  }
  const auto architectures = architectures_of(profile);
  if (!architectures.empty()) out["architectures"] = architectures;
  const Circumstances now{capabilities, kernel_version()};
  if (const auto rules = profile.find("syscalls"); rules != profile.end() && !rules->is_null()) {
    if (!rules->is_array()) bad_profile("syscalls must be a list");
    for (const Json& entry : *rules) {
      if (!entry.is_object()) bad_profile("syscalls must hold objects");
      if (applies(entry, now)) out["syscalls"].push_back(convert_rule(entry));
    }
  }
  return out;
}

}  // namespace slipway::container
