// The networks that containers can be on: bridge, host, none.
#pragma once
#include <string>
#include <string_view>

namespace slipway::docker {

// A stable 64-digit id for a network's name.
std::string network_id(std::string_view name);

}  // namespace slipway::docker
