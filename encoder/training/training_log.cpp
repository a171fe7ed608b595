#include "encoder/training/training_log.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "encoder/training/training_chart.h"

namespace clipdex::training {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json to_json(const Recalls& recalls) {
  return {{"images", recalls.images},
          {"captions", recalls.captions},
          {"text_to_image", recalls.text_to_image},
          {"image_to_text", recalls.image_to_text}};
}

json to_json(const StepMetrics& metrics) {
  json line = {{"step", metrics.step},
               {"epoch", metrics.epoch},
               {"loss", metrics.loss},
               {"learning_rate", metrics.learning_rate},
               {"logit_scale", metrics.logit_scale},
               {"gradient_norm", metrics.gradient_norm},
               {"samples_per_second", metrics.samples_per_second},
               {"data_seconds", metrics.data_seconds}};
  if (metrics.validation) line["validation"] = to_json(*metrics.validation);
  return line;
}

StepMetrics from_json(const json& line) {
  StepMetrics metrics{.step = line.at("step"),
                      .epoch = line.at("epoch"),
                      .loss = line.at("loss"),
                      .learning_rate = line.at("learning_rate"),
                      .logit_scale = line.at("logit_scale"),
                      .gradient_norm = line.at("gradient_norm"),
                      .samples_per_second = line.at("samples_per_second"),
                      .data_seconds = line.at("data_seconds")};
  if (const auto found = line.find("validation"); found != line.end()) {
    metrics.validation = Recalls{.images = found->at("images"),
                                 .captions = found->at("captions"),
                                 .text_to_image = found->at("text_to_image"),
                                 .image_to_text = found->at("image_to_text")};
  }
  return metrics;
}

// The whole lines of steps up to `step`; a line that a kill cut off is none.
std::vector<StepMetrics> read_history(const fs::path& file, std::uint64_t step) {
  std::vector<StepMetrics> history;
  std::ifstream stream(file);
  for (std::string text; std::getline(stream, text);) {
    const auto line = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!line.is_object()) continue;
    try {
      // What comes after the checkpoint may be what ended that training: numbers that are none.
      if (line.at("step").get<std::uint64_t>() > step) continue;
      auto metrics = from_json(line);
      if (history.empty() || metrics.step > history.back().step) history.push_back(metrics);
    } catch (const json::exception&) {
      throw std::runtime_error(file.string() + " has a line that is none of a training's: " + text.substr(0, 100));
    }
  }
  return history;
}

// Where the samples are that were named already, and the whole lines that name them.
std::unordered_set<std::string> read_named(const fs::path& file, std::string& lines) {
  std::unordered_set<std::string> named;
  std::ifstream stream(file);
  for (std::string text; std::getline(stream, text);) {
    const auto line = json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!line.is_object() || !line.contains("where") || !line.at("where").is_string()) continue;
    if (named.insert(line.at("where").get<std::string>()).second) lines += text + "\n";
  }
  return named;
}

[[noreturn]] void fail(const fs::path& file) { throw std::runtime_error("cannot write " + file.string() + ": is the disk full?"); }

std::ofstream open(const fs::path& file, std::ios::openmode mode) {
  std::ofstream stream(file, mode);
  if (!stream) fail(file);
  return stream;
}

void replace(const fs::path& file, const std::string& text) {
  const auto temporary = file.string() + ".new";
  auto stream = open(temporary, std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream) fail(temporary);
  fs::rename(temporary, file);
}

}  // namespace

TrainingLog::TrainingLog(const fs::path& folder, std::uint64_t step)
    : folder_(folder), history_(read_history(folder / "metrics.jsonl", step)) {
  std::string lines;
  for (const auto& metrics : history_) lines += to_json(metrics).dump() + "\n";
  replace(folder_ / "metrics.jsonl", lines);
  metrics_ = open(folder_ / "metrics.jsonl", std::ios::app);
  const auto bad_samples = folder_ / "bad_samples.jsonl";
  lines.clear();
  if (step > 0) named_ = read_named(bad_samples, lines);
  replace(bad_samples, lines);
  bad_samples_ = open(bad_samples, std::ios::app);
}

void TrainingLog::add(const StepMetrics& metrics) {
  metrics_ << to_json(metrics).dump() << '\n';
  history_.push_back(metrics);
}

void TrainingLog::bad_sample(const std::string& where, const std::string& why) {
  if (!named_.insert(where).second) return;  // in an earlier epoch
  bad_samples_ << json{{"where", where}, {"error", why}}.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
}

void TrainingLog::flush() {
  if (!metrics_.flush()) fail(folder_ / "metrics.jsonl");
  if (!bad_samples_.flush()) fail(folder_ / "bad_samples.jsonl");
  replace(folder_ / "training.svg", training_chart(history_));
}

}  // namespace clipdex::training
