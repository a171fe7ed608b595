#include "http/prometheus.h"

#include <charconv>
#include <cmath>

namespace clipdex::http {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return error == std::errc() ? std::string(text, end) : "NaN";
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
}

}  // namespace

void PrometheusText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void PrometheusText::line(std::string_view suffix, Labels labels, std::string_view bound, std::string_view value) {
  text_.append(name_).append(suffix);
  char separator = '{';
  const auto label = [&](std::string_view name, std::string_view content) {
    text_ += separator;
    text_.append(name).append("=\"");
    append_escaped(text_, content);
    text_ += '"';
    separator = ',';
  };
  for (const auto& [name, content] : labels) label(name, content);
  if (!bound.empty()) label("le", bound);
  if (separator == ',') text_ += '}';
  text_.append(" ").append(value).append("\n");
}

void PrometheusText::sample(Labels labels, double value) { line("", labels, "", number(value)); }
void PrometheusText::sample(Labels labels, std::uint64_t value) { line("", labels, "", std::to_string(value)); }

void PrometheusText::histogram(Labels labels, const engine::Histogram& histogram, double unit) {
  const auto reading = histogram.read();
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < reading.bounds.size(); ++i) {
    count += reading.counts[i];
    // Divided and not multiplied by the unit: 1e-05, and not 1.0000000000000001e-05.
    line("_bucket", labels, number(static_cast<double>(reading.bounds[i]) / std::round(1 / unit)), std::to_string(count));
  }
  count += reading.counts[reading.bounds.size()];
  line("_bucket", labels, "+Inf", std::to_string(count));
  line("_sum", labels, "", number(static_cast<double>(reading.sum) / std::round(1 / unit)));
  line("_count", labels, "", std::to_string(count));
}

}  // namespace clipdex::http
