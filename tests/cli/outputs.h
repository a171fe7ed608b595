// What the program printed, as the tests compare it.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/clipdex_program.h"

namespace clipdex::tests {

using nlohmann::json;

// Every line as JSON: throws if one is something else, so that a log line on stdout is found.
inline std::vector<json> json_lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

// The JSON lines of a command that succeeds; throws with what it said otherwise.
inline std::vector<json> output_of(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {}) {
  const auto outcome = run_clipdex(arguments, environment);
  if (outcome.exit_code != 0) throw std::runtime_error("clipdex ended with " + std::to_string(outcome.exit_code) + ": " + outcome.error);
  return json_lines(outcome.out);
}

inline std::vector<std::vector<float>> embeddings_of(const std::vector<json>& lines) {
  std::vector<std::vector<float>> all;
  all.reserve(lines.size());
  for (const auto& line : lines) all.push_back(line.at("embedding").get<std::vector<float>>());
  return all;
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) throw std::runtime_error("vectors of different sizes, or empty ones");
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

inline double length_of(const std::vector<float>& vector) {
  double sum = 0;
  for (const float value : vector) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

// A shell command, for redirections and pipes; $clipdex is the program.
inline Outcome run_shell(const std::string& script) { return run_program({"sh", "-c", script}, {"clipdex=" + kProgram}); }

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Exit code 1, nothing on stdout, and all of `words` in the message.
inline void check_fails(const std::vector<std::string>& arguments, const std::vector<std::string>& words) {
  const auto outcome = run_clipdex(arguments);
  CAPTURE(outcome.error);
  CHECK(outcome.exit_code == 1);
  CHECK(outcome.out.empty());
  for (const auto& word : words) {
    CAPTURE(word);
    CHECK(contains(outcome.error, word));
  }
}

}  // namespace clipdex::tests
