// Graphs from their text: what is printed reads back as the same, and what is no graph is refused
// with the line and what was wanted.
#include "frontend/GraphParse.h"

#include "frontend/Tensor.h"
#include "frontend/Variable.h"
#include "ir/quant/Formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rosso {

namespace {

using testing::HasSubstr;

std::string reread(const std::string &text) {
  auto graph = parseGraph(text);
  return graph ? print(*graph) : "error: " + graph.error().message;
}

std::string errorOf(const std::string &text) {
  auto graph = parseGraph(text);
  return graph ? "no error" : graph.error().message;
}

TEST(ParseGraph, ReadsWhatIsWrittenByHand) {
  const std::string text = "var T [1, 8]\n"
                           "entry main\n"
                           "%0 = input {name = \"x\"} : f32[T, 256]\n"
                           "%1 = weight {name = \"w\"} : q4_k:f32[64, 256]\n"
                           "%2 = dequant %1 : f32[64, 256]\n"
                           "%3 = linear %0, %2 : f32[T, 64]\n"
                           "output y = %3\n";
  auto graph = parseGraph(text);
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  EXPECT_EQ(graph->vars.at("T").max, 8);
  ASSERT_EQ(graph->entries.size(), 1u);
  const Node &linear = *graph->entries[0].outputs[0].second;
  EXPECT_EQ(linear.op, Op::Linear);
  EXPECT_EQ(linear.sources[1]->sources[0]->format, &kQ4_K);
  EXPECT_EQ(print(*graph), text);
}

TEST(ParseGraph, ReadsEveryKindOfAttribute) {
  const std::string text =
      "var P [0, 9]\n"
      "entry e\n"
      "%0 = state {name = \"a \\\"b\\\"\\n\\\\\"} : f16[16, 4]\n"
      "%1 = constant {value = -inf} : f32[]\n"
      "%2 = constant {value = 3} : i32[]\n"
      "%3 = constant {value = 1e+300} : f64[]\n"
      "%4 = variable {value = [P + 1]} : i32[]\n"
      "%5 = permute %0 {axes = <1, 0>} : f16[4, 16]\n"
      "%6 = pad %5 {after = [0, P], before = [0, 0], value = 0.5} : f16[4, P + 16]\n"
      "%7 = shrink %0 {begin = [P, 0]} : f16[1, 4]\n"
      "%8 = update %0, %7 {begin = [P, 0]} : f16[16, 4]\n"
      "%9 = topk %1 {k = 5} : i32[]\n"
      "output minus = %1\noutput three = %2\noutput large = %3\n"
      "output p = %4\noutput padded = %6\noutput state:a = %8\noutput t = %9\n";
  auto graph = parseGraph(text);
  ASSERT_TRUE(graph.ok()) << graph.error().message;
  // The printer numbers nodes by their first use; what it writes is a fixed point.
  EXPECT_EQ(reread(print(*graph)), print(*graph));
  EXPECT_THAT(print(*graph), HasSubstr("{name = \"a \\\"b\\\"\\n\\\\\"}"));
  EXPECT_THAT(print(*graph), HasSubstr("{after = [0, P], before = [0, 0], value = 0.5}"));
}

TEST(ParseGraph, IsTheInverseOfPrint) {
  Variable tokens("T", 1, 8);
  Tensor x = Tensor::input("x", {tokens, 256});
  Tensor h = x.relu().linear(Tensor::weight("w", {64, 256}, kQ4_K)).softmax();
  Graph graph{{{"T", tokens.bounds()}},
              {makeEntry("a", {{"y", h}}), makeEntry("b", {{"z", h.sum() + 1}, {"y", h}})}};
  EXPECT_EQ(reread(print(graph)), print(graph));
}

TEST(ParseGraph, SkipsCommentsAndBlankLines) {
  EXPECT_EQ(reread("# by hand\n\nentry e\r\n  %7 = iota : i32[4]\noutput y = %7"),
            "entry e\n%0 = iota : i32[4]\noutput y = %0\n");
}

TEST(ParseGraph, NamesTheLineOfAnError) {
  const std::string head = "var T [1, 8]\nentry e\n";
  EXPECT_THAT(errorOf(""), HasSubstr("found no 'entry'"));
  EXPECT_THAT(errorOf("entry e\n"), HasSubstr("entry 'e' has no outputs"));
  EXPECT_THAT(errorOf("%0 = iota : i32[4]\n"), HasSubstr("line 1: found '%0"));
  EXPECT_THAT(errorOf("var T [8, 1]\n"), HasSubstr("line 1: variable 'T': bounds 8 to 1"));
  EXPECT_THAT(errorOf(head + "%0 = nope : f32[]\n"), HasSubstr("line 3: found op 'nope'"));
  EXPECT_THAT(errorOf(head + "%0 = neg %1 : f32[]\n"), HasSubstr("line 3: %1 is not made above"));
  EXPECT_THAT(errorOf(head + "%0 = iota : f31[4]\n"), HasSubstr("line 3: found type 'f31'"));
  EXPECT_THAT(errorOf(head + "%0 = iota : q9:f32[4]\n"), HasSubstr("unknown format 'q9'"));
  EXPECT_THAT(errorOf(head + "%0 = input : f32[4]\n"),
              HasSubstr("line 3: input: wanted attribute 'name', a quoted string"));
  EXPECT_THAT(errorOf(head + "%0 = input {name = 3} : f32[4]\n"),
              HasSubstr("wanted attribute 'name'"));
  EXPECT_THAT(errorOf(head + "%0 = input {name = \"x} : f32[4]\n"),
              HasSubstr("a string does not end"));
  EXPECT_THAT(errorOf(head + "%0 = iota : i32[4]\n%1 = add %0 : i32[4]\n"),
              HasSubstr("line 4: add: found 1 sources, wanted 2"));
  EXPECT_THAT(errorOf(head + "%0 = iota : i32[4] x\n"), HasSubstr("found 'x', wanted the end"));
  EXPECT_THAT(errorOf(head + "%0 = iota : i32[U]\n"), HasSubstr("names an unknown variable"));
  EXPECT_THAT(errorOf(head + "%0 = iota : i32[1000000*T, 1000000, 100000]\n"),
              HasSubstr("more than 2^46 elements"));
  EXPECT_THAT(errorOf(head + "%0 = iota : i32[T - 4]\noutput y = %0\n"),
              HasSubstr("can be negative"));
  EXPECT_THAT(errorOf(head + "%0 = iota : i32[4]\n%1 = shrink %0 {begin = [0, 0]} : i32[2]\n"),
              HasSubstr("line 4: shrink: begin, source and result differ in rank"));
  EXPECT_THAT(errorOf(head + "%0 = iota : i32[4]\n%0 = iota : i32[4]\n"),
              HasSubstr("line 4: a second %0"));
}

} // namespace

} // namespace rosso
