// Ranges in braces, as webdataset writes them.
#include "datasets/brace_range.h"

#include <catch2/catch_test_macros.hpp>
#include <stdexcept>

namespace {

using clipdex::datasets::expand_brace_ranges;
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a range stands for its numbers, of the first one's width, upwards and downwards") {
  CHECK(expand_brace_ranges("s-{008..011}.tar") == Names{"s-008.tar", "s-009.tar", "s-010.tar", "s-011.tar"});
  CHECK(expand_brace_ranges("{9..11}") == Names{"9", "10", "11"});
  CHECK(expand_brace_ranges("{2..0}") == Names{"2", "1", "0"});
}

TEST_CASE("of several ranges the last one counts fastest") {
  CHECK(expand_brace_ranges("{0..1}/{0..1}.tar") == Names{"0/0.tar", "0/1.tar", "1/0.tar", "1/1.tar"});
}

TEST_CASE("what is no range stays as it is") {
  for (const auto* word : {"plain.tar", "{a..b}", "{1,2}", "{1..}", "{..2}", "{1..2", "{}"})
    CHECK(expand_brace_ranges(word) == Names{word});
  CHECK(expand_brace_ranges("{x}{1..2}") == Names{"{x}1", "{x}2"});
}

TEST_CASE("more than 100,000 names are refused") {
  CHECK(expand_brace_ranges("{1..100000}").size() == 100'000);
  CHECK_THROWS_AS(expand_brace_ranges("{0..100000}"), std::invalid_argument);
  CHECK_THROWS_AS(expand_brace_ranges("{0..999}{0..999}"), std::invalid_argument);
}
