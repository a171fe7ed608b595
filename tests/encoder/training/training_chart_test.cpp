#include "encoder/training/training_chart.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

using Catch::Matchers::ContainsSubstring;
using clipdex::training::StepMetrics;
using clipdex::training::training_chart;

namespace {

std::vector<StepMetrics> history(std::size_t steps) {
  std::vector<StepMetrics> all;
  for (std::size_t step = 1; step <= steps; ++step)
    all.push_back({.step = step, .steps = 2 * steps, .loss = 5.0 / static_cast<double>(step), .learning_rate = 1e-3});
  return all;
}

// The points of the chart's first curve.
std::vector<std::pair<double, double>> first_curve(const std::string& svg) {
  const auto from = svg.find("points=\"") + 8;
  std::istringstream stream(svg.substr(from, svg.find('"', from) - from));
  std::vector<std::pair<double, double>> points;
  char comma = 0;
  for (double x = 0, y = 0; stream >> x >> comma >> y;) points.emplace_back(x, y);
  return points;
}

}  // namespace

TEST_CASE("a chart has a point a step, falls with the loss and ends half-way of what is to be done") {
  const auto svg = training_chart(history(10));
  const auto curve = first_curve(svg);
  REQUIRE(curve.size() == 10);
  for (std::size_t i = 1; i < curve.size(); ++i) {
    CHECK(curve[i].first > curve[i - 1].first);
    CHECK(curve[i].second > curve[i - 1].second);  // downwards
  }
  // x begins at 70 and ends at 590.
  CHECK(std::abs(curve.back().first - 330) < 1);
  CHECK_THAT(svg, !ContainsSubstring("recall"));
}

TEST_CASE("recalls have a panel of their own once they are measured") {
  auto all = history(10);
  all[4].validation.emplace();
  all[4].validation->text_to_image = {12.5, 30, 43.75};
  const auto svg = training_chart(all);
  CHECK_THAT(svg, ContainsSubstring("validation recall") && ContainsSubstring("text R@10 43.75"));
  auto often = history(5'000);
  for (auto& step : often) step.validation.emplace().text_to_image = {static_cast<double>(step.step), 0, 0};
  const auto many = training_chart(often);
  CHECK_THAT(many, ContainsSubstring("text R@1 5000"));
  CHECK(many.size() < 100'000);
}

TEST_CASE("long trainings are thinned, an empty one and one without numbers are charts too") {
  const auto thinned = first_curve(training_chart(history(100'000))).size();
  CHECK(thinned > 300);
  CHECK(thinned <= 600);
  CHECK_THAT(training_chart({}), ContainsSubstring("</svg>"));
  auto broken = history(5);
  broken[2].loss = std::numeric_limits<double>::quiet_NaN();
  const auto svg = training_chart(broken);
  CHECK(first_curve(svg).size() == 4);
  CHECK_THAT(svg, !ContainsSubstring("nan"));
}
