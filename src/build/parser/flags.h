// The --flags of an instruction, each allowed and (but for those that may repeat) given once. Pure.
#pragma once
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "build/parser/dockerfile.h"

namespace slipway::build {

using Flags = std::map<std::string, std::string>;

Flags take_flags(const RawInstruction& raw, std::initializer_list<std::string_view> allowed);
std::string flag(const Flags& flags, const std::string& name);
std::vector<std::string> repeated(const RawInstruction& raw, std::string_view wanted);
// --link, --link=true, --link=false; nullopt: not given.
std::optional<bool> switch_of(const RawInstruction& raw, const Flags& flags,
                              const std::string& name);

}  // namespace slipway::build
