#include "encoder/training/training_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

namespace clipdex::training {
namespace {

constexpr double kWidth = 720, kPanelHeight = 220, kLeft = 70, kRight = 130, kTop = 30, kBottom = 30;
constexpr std::size_t kPointsMax = 600;

using Points = std::vector<std::pair<double, double>>;  // step, value

struct Line {
  std::string name, color;
  Points points;
};

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string number(double value) { return format("%.4g", value); }

// The mean of as many steps as it takes for at most kPointsMax points.
Points thinned(std::span<const StepMetrics> history, const std::function<double(const StepMetrics&)>& value) {
  Points points;
  const std::size_t each = (history.size() + kPointsMax - 1) / kPointsMax;
  for (std::size_t first = 0; first < history.size(); first += each) {
    const auto part = history.subspan(first, std::min(each, history.size() - first));
    double sum = 0;
    for (const auto& metrics : part) sum += value(metrics);
    points.emplace_back(static_cast<double>(part.back().step), sum / static_cast<double>(part.size()));
  }
  return points;
}

class Panel {
 public:
  Panel(std::string title, double top, double steps) : title_(std::move(title)), top_(top + kTop), steps_(std::max(steps, 1.0)) {}

  std::string draw(const std::vector<Line>& lines) {
    for (const auto& line : lines) {
      for (const auto& [step, value] : line.points) {
        low_ = std::min(low_, value);
        high_ = std::max(high_, value);
      }
    }
    if (low_ > high_) low_ = high_ = 0;
    if (high_ - low_ < 1e-12) high_ = low_ + 1;
    std::string svg = text(kLeft, top_ - 10, title_, "start", "#24292f", true);
    constexpr int kTicks = 4;
    for (int i = 0; i <= kTicks; ++i) {
      const double value = low_ + (high_ - low_) * i / kTicks;
      svg += rule(y_of(value)) + text(kLeft - 8, y_of(value) + 4, number(value), "end", "#57606a");
      const double step = steps_ * i / kTicks;
      svg += text(x_of(step), top_ + height() + 18, format("%.0f", step), "middle", "#57606a");
    }
    double label = top_ + 10;
    for (const auto& line : lines) {
      if (line.points.empty()) continue;
      svg += polyline(line) + text(kWidth - kRight + 10, label, line.name + " " + number(line.points.back().second), "start", line.color);
      label += 18;
    }
    return svg;
  }

 private:
  static double height() { return kPanelHeight - kTop - kBottom; }
  double x_of(double step) const { return kLeft + (kWidth - kLeft - kRight) * step / steps_; }
  double y_of(double value) const { return top_ + height() * (1 - (value - low_) / (high_ - low_)); }

  static std::string text(double x, double y, const std::string& words, const char* anchor, const std::string& color, bool bold = false) {
    return "<text x=\"" + format("%.1f", x) + "\" y=\"" + format("%.1f", y) + "\" text-anchor=\"" + anchor + "\" fill=\"" + color + "\"" +
           (bold ? " font-weight=\"bold\"" : "") + ">" + words + "</text>\n";
  }
  static std::string rule(double y) {
    return "<line x1=\"" + number(kLeft) + "\" x2=\"" + number(kWidth - kRight) + "\" y1=\"" + format("%.1f", y) + "\" y2=\"" +
           format("%.1f", y) + "\" stroke=\"#d0d7de\"/>\n";
  }
  std::string polyline(const Line& line) const {
    std::string points;
    for (const auto& [step, value] : line.points) {
      if (std::isfinite(value)) points += format("%.1f", x_of(step)) + "," + format("%.1f", y_of(value)) + " ";
    }
    return "<polyline fill=\"none\" stroke=\"" + line.color + "\" stroke-width=\"1.5\" points=\"" + points + "\"/>\n";
  }

  std::string title_;
  double top_, steps_;
  double low_ = 1e300, high_ = -1e300;
};

Points recalls(std::span<const StepMetrics> history, std::size_t k, bool text_to_image) {
  Points points;
  for (const auto& metrics : history) {
    if (!metrics.validation) continue;
    const auto& all = text_to_image ? metrics.validation->text_to_image : metrics.validation->image_to_text;
    points.emplace_back(static_cast<double>(metrics.step), all[k]);
  }
  // The last one of many, so that the curve ends where it ends.
  const std::size_t each = points.size() / kPointsMax + 1;
  Points kept;
  for (std::size_t first = 0; first < points.size(); first += each) kept.push_back(points[std::min(first + each, points.size()) - 1]);
  return kept;
}

}  // namespace

std::string training_chart(std::span<const StepMetrics> history) {
  const double steps = history.empty() ? 1 : static_cast<double>(std::max(history.back().steps, history.back().step));
  std::vector<std::pair<std::string, std::vector<Line>>> panels = {
      {"loss", {{"loss", "#0969da", thinned(history, [](const StepMetrics& m) { return m.loss; })}}},
      {"learning rate", {{"rate", "#1a7f37", thinned(history, [](const StepMetrics& m) { return m.learning_rate; })}}}};
  const std::vector<Line> validation = {{"text R@1", "#8250df", recalls(history, 0, true)},
                                        {"text R@10", "#bf3989", recalls(history, 2, true)},
                                        {"image R@1", "#bc4c00", recalls(history, 0, false)},
                                        {"image R@10", "#9a6700", recalls(history, 2, false)}};
  if (!validation.front().points.empty()) panels.emplace_back("validation recall, %", validation);
  const double height = kPanelHeight * static_cast<double>(panels.size());
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(kWidth) + " " + number(height) +
                    "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
  double top = 0;
  for (const auto& [title, lines] : panels) {
    svg += Panel(title, top, steps).draw(lines);
    top += kPanelHeight;
  }
  return svg + "</svg>\n";
}

}  // namespace clipdex::training
