#include "build/parser/suggest.h"

#include <algorithm>
#include <numeric>

#include "base/strings.h"

namespace slipway::build {

namespace {

constexpr size_t kLongestWord = 128, kMostKnown = 5000;

// Letters that were left out, added, changed or swapped with their neighbour.
size_t typing_errors(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] =
          std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  if (word.empty() || word.size() > kLongestWord) return "";
  const std::string wanted = to_lower(word);
  size_t least = std::max<size_t>(1, wanted.size() / 3) + 1;
  std::string best;
  for (size_t i = 0; i < std::min(known.size(), kMostKnown); ++i) {
    const std::string& one = known[i];
    if (one == word) return "";
    const size_t apart =
        one.size() > wanted.size() ? one.size() - wanted.size() : wanted.size() - one.size();
    if (one.size() > kLongestWord || apart >= least) continue;
    const size_t errors = typing_errors(wanted, to_lower(one));
    if (errors >= least || errors >= std::max<size_t>(one.size(), 2)) continue;
    least = errors;
    best = one;
  }
  return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::string found = nearest(word, known);
  return found.empty() ? "" : " (did you mean " + found + "?)";
}

}  // namespace slipway::build
