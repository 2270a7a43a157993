// Names: of containers (checked and made up) and of signals.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace slipway::container {

// Throws Error(invalid_argument) with Docker's words.
void check_container_name(const std::string& name);
std::string random_name();  // "calm_harbour"
// "TERM", "SIGTERM", "15", "RTMIN+3"; nullopt when it names no signal.
std::optional<int> parse_signal(std::string_view text);

}  // namespace slipway::container
