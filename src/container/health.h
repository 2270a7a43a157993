// The state of a health check: what each probe's outcome means. Pure.
#pragma once
#include <string>

#include "container/engine.h"

namespace slipway::container {

// With Docker's defaults filled in; nullopt when the check is absent or {"NONE"}.
std::optional<image::HealthCheck> effective_check(const std::optional<image::HealthCheck>& own,
                                                  const std::optional<image::HealthCheck>& image);
// The command of a probe.
std::vector<std::string> probe_command(const image::HealthCheck& check,
                                       const std::vector<std::string>& shell);
// A probe's outcome changes health and streak. in_start_period: failures do not count yet.
void note_probe(State& state, bool ok, bool in_start_period, int retries);

}  // namespace slipway::container
