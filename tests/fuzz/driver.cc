// A main for the fuzz targets when the compiler has no libFuzzer: feeds the seeds of a corpus
// folder and random mutations of them (flips, inserts, cuts, splices) for some seconds. Not guided
// by coverage; with clang, configure with -DSLIPWAY_LIBFUZZER=ON for that.
//   <name>_fuzz [seconds] [corpus folder] [seed]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

std::string current;  // global, so that a debugger finds it after a crash

std::vector<std::string> read_corpus(const std::string& folder) {
  std::vector<std::string> seeds = {"", "a", std::string(64, '\0')};
  if (!std::filesystem::is_directory(folder)) return seeds;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return seeds;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  size_t below(size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  std::string mutate(std::string text, const std::vector<std::string>& seeds) {
    static const std::vector<std::string> words = {"..",
                                                   "/",
                                                   "\\",
                                                   "\"",
                                                   "'",
                                                   "\n",
                                                   "\r\n",
                                                   "%",
                                                   "${",
                                                   "}",
                                                   "<<",
                                                   "[",
                                                   "]",
                                                   "*",
                                                   "**",
                                                   "0",
                                                   "-1",
                                                   "4294967296",
                                                   "18446744073709551615",
                                                   "\xff",
                                                   "&",
                                                   "=",
                                                   "sha256:",
                                                   "{",
                                                   ":",
                                                   ","};
    for (size_t rounds = 1 + below(6); rounds > 0; --rounds) {
      const size_t at = below(text.size() + 1);
      switch (below(6)) {
        case 0:
          if (!text.empty()) text[below(text.size())] ^= static_cast<char>(1 << below(8));
          break;
        case 1:
          text.insert(at, words[below(words.size())]);
          break;
        case 2:
          text.erase(at, 1 + below(8));
          break;
        case 3:
          text.insert(at, 1, static_cast<char>(below(256)));
          break;
        case 4:
          text.insert(at, text.substr(below(text.size() + 1), below(32)));
          break;
        default: {
          const std::string& other = seeds[below(seeds.size())];
          text = text.substr(0, at) + other.substr(below(other.size() + 1));
        }
      }
    }
    if (text.size() > 65536) text.resize(65536);
    return text;
  }

 private:
  std::mt19937_64 random_;
};

void give(const std::string& input) {
  current = input;
  ::alarm(10);  // a hang ends the process, with SIGALRM
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(current.data()), current.size());
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 3;
  const auto seeds = read_corpus(argc > 2 ? argv[2] : "");
  const uint64_t seed = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : std::random_device{}();
  std::fprintf(stderr, "seed %llu, %zu corpus inputs\n", static_cast<unsigned long long>(seed),
               seeds.size());
  std::atexit([] { ::alarm(0); });
  Mutator mutator(seed);
  for (const auto& one : seeds) give(one);
  size_t runs = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    give(mutator.mutate(seeds[mutator.below(seeds.size())], seeds));
    ++runs;
  }
  std::fprintf(stderr, "%zu inputs, no crash\n", runs);
  return 0;
}
