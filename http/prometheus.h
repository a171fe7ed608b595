// Prometheus' text exposition format, version 0.0.4. Private to http/.
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "engine/metrics.h"

namespace clipdex::http {

// Writes families one after another; a family's samples follow it.
class PrometheusText {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  static constexpr const char* kMediaType = "text/plain; version=0.0.4; charset=utf-8";

  // type: "counter", "gauge" or "histogram". help: one line.
  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(Labels labels, double value);
  void sample(Labels labels, std::uint64_t value);
  // Buckets, sum and count. unit: what the histogram's 1 is in the family's unit, such as 1e-9 for nanoseconds in seconds.
  void histogram(Labels labels, const engine::Histogram& histogram, double unit);

  std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, Labels labels, std::string_view bound, std::string_view value);

  std::string name_, text_;
};

}  // namespace clipdex::http
