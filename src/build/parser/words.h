// The shell-like words of a Dockerfile: quotes, escapes, $VAR, ${VAR}, ${VAR:-x}, ${VAR:+x},
// ${VAR:?x} (and the forms without the colon), ${VAR#x} ${VAR##x} ${VAR%x} ${VAR%%x} ${VAR/x/y}.
// Pure.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace slipway::build {

using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

// Expands variables and removes quotes: one word. Throws Error(invalid_argument).
std::string expand_word(std::string_view text, const Lookup& lookup, char escape = '\\');
// Expands variables but leaves quotes and escapes (heredocs).
std::string expand_text(std::string_view text, const Lookup& lookup, char escape = '\\');
// Splits at blanks outside quotes, then expands each; an unquoted empty result is dropped.
std::vector<std::string> expand_words(std::string_view text, const Lookup& lookup,
                                      char escape = '\\');
// Splits only: quotes and escapes stay in the words.
std::vector<std::string> split_words(std::string_view text, char escape = '\\');
// ["a", "b"]: nullopt when the text is not a JSON list of strings.
std::optional<std::vector<std::string>> parse_exec_form(std::string_view text);

}  // namespace slipway::build
