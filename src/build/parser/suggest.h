// What a misspelt word may have meant. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace slipway::build {

// The word of the list that is nearly the same, whatever its case; "" when none is, or when the
// list has the word itself.
std::string nearest(std::string_view word, const std::vector<std::string>& known);
// " (did you mean X?)", or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& known);

}  // namespace slipway::build
