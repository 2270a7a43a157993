// Why a step missed, and the order in which stages are shown. Pure.
#include "build/explain.h"

#include <gtest/gtest.h>

#include "build/progress.h"

namespace slipway::build {
namespace {

const std::vector<ExplainedStep> last_time = {
    {"COPY src /", "k1", {{"file a", "1"}, {"file b", "2"}, {"layers", "x"}}},
    {"RUN make", "k2", {{"command", "make"}, {"ENV CC", "gcc"}, {"layers", "y"}}},
};

TEST(Explain, NamesWhatChanged) {
  EXPECT_EQ(why_missed({}, 0, {"RUN a", "", {}}), "never built here before");
  EXPECT_EQ(why_missed(last_time, 0,
                       {"COPY src /", "", {{"file a", "1"}, {"file b", "9"}, {"layers", "x"}}}),
            "file b changed");
  EXPECT_EQ(why_missed(last_time, 0, {"COPY src /", "", {{"file a", "1"}, {"layers", "x"}}}),
            "file b is gone");
  EXPECT_EQ(
      why_missed(last_time, 1,
                 {"RUN make", "", {{"command", "make"}, {"ENV CC", "clang"}, {"layers", "z"}}}),
      "ENV CC changed; an earlier step gave another result");
}

TEST(Explain, FindsTheSameInstructionThatMoved) {
  EXPECT_EQ(why_missed(last_time, 7, {"RUN make", "", last_time[1].parts}),
            "nothing changed, but its result is no longer in the cache");
  EXPECT_EQ(why_missed(last_time, 1, {"RUN test", "", {}}),
            "the instruction is new or changed: here was 'RUN make'");
}

Event event(Event::Kind kind, int stage, const std::string& text = {}) {
  Event out;
  out.kind = kind;
  out.stage = stage;
  out.text = text;
  return out;
}

TEST(ClassicText, ShowsStagesOneAfterTheOther) {
  std::string shown;
  ClassicText text([&](std::string_view more) { shown += more; });
  Event begin = event(Event::Kind::begin, 0);
  begin.stages = {0, 1, 2};
  text(begin);
  text(event(Event::Kind::output, 1, "b1 "));
  text(event(Event::Kind::output, 0, "a1 "));
  text(event(Event::Kind::output, 2, "c1 "));
  text(event(Event::Kind::stage_done, 1));
  text(event(Event::Kind::output, 0, "a2 "));
  EXPECT_EQ(shown, "a1 a2 ");
  text(event(Event::Kind::stage_done, 0));
  EXPECT_EQ(shown, "a1 a2 b1 c1 ");
  text(event(Event::Kind::output, 2, "c2 "));
  EXPECT_EQ(shown, "a1 a2 b1 c1 c2 ");
}

TEST(ClassicText, ShowsWhatTheFailingStageSaid) {
  std::string shown;
  ClassicText text([&](std::string_view more) { shown += more; });
  text(event(Event::Kind::output, 0, "a "));
  text(event(Event::Kind::output, 1, "b broke "));
  text(event(Event::Kind::failed, 1));
  text.flush();
  EXPECT_EQ(shown, "a b broke ");
}

}  // namespace
}  // namespace slipway::build
