#include "encoder/training/training_checkpoint.h"

#include <torch/torch.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "encoder/checkpoint.h"
#include "encoder/json_file.h"
#include "encoder/model_directory.h"
#include "encoder/model_writer.h"
#include "encoder/new_directory.h"

namespace clipdex::training {
namespace {

namespace fs = std::filesystem;
using encoder::TensorView;
using nlohmann::json;

constexpr const char* kStateFile = "training_state.json";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr std::string_view kPrefix = "step-";

// Tensors as the writers take them; holds what it had to copy.
class Views {
 public:
  void add(const TrainableClip::Named& named) {
    auto tensor = named.tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    views_[named.name] = {.type = encoder::TensorType::kF32,
                          .shape = tensor.sizes().vec(),
                          .data = {reinterpret_cast<const std::byte*>(tensor.const_data_ptr<float>()), tensor.nbytes()}};
    held_.push_back(std::move(tensor));
  }
  const std::map<std::string, TensorView>& all() const { return views_; }
  const TensorView* find(const std::string& name) const { return &views_.at(name); }

 private:
  std::vector<at::Tensor> held_;
  std::map<std::string, TensorView> views_;
};

void write_model_files(const encoder::NewDirectory& directory, const TrainableClip& model, const ModelFiles& files) {
  Views views;
  for (const auto& parameter : model.parameters()) views.add(parameter);
  for (const auto& buffer : model.buffers()) views.add(buffer);
  encoder::write_model(directory,
                       {.name = "the trained model",
                        .config = model.config(),
                        .preprocessing = files.preprocessing,
                        .tokenizer = files.tokenizer,
                        .start_token = files.start_token,
                        .origin = [](const std::string& name) { return encoder::TensorOrigin{{name}}; },
                        .find = [&](const std::string& name) { return views.find(name); }},
                       encoder::TensorType::kF32);
}

void write_optimizer(const encoder::NewDirectory& directory, const AdamW& optimizer) {
  Views views;
  for (const auto& moment : optimizer.state()) views.add(moment);
  std::vector<encoder::TensorToWrite> tensors;
  for (const auto& [name, view] : views.all()) tensors.push_back({.name = name, .shape = view.shape, .sources = {&view}});
  encoder::write_safetensors(directory.file(kOptimizerFile), std::move(tensors));
}

std::optional<std::uint64_t> step_of(const fs::path& directory) {
  const auto name = directory.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::uint64_t step = 0;
  const auto [end, error] = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return step;
}

// By step, the newest last.
std::map<std::uint64_t, fs::path> checkpoints_in(const fs::path& directory) {
  std::map<std::uint64_t, fs::path> found;
  if (!fs::is_directory(directory)) return found;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (const auto step = step_of(entry.path()); step && entry.is_directory()) found.emplace(*step, entry.path());
  }
  return found;
}

std::string step_name(std::uint64_t step) {
  constexpr std::size_t kDigits = 8;
  auto digits = std::to_string(step);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return std::string(kPrefix) + digits;
}

void read_optimizer(const fs::path& file, AdamW& optimizer) {
  const torch::NoGradGuard no_gradients;
  const auto saved = encoder::Checkpoint::open(file);
  for (const auto& [name, tensor] : optimizer.state()) {
    const auto* view = saved.find(name);
    if (view == nullptr || !std::ranges::equal(view->shape, tensor.sizes()))
      throw std::runtime_error(file.string() + " lacks \"" + name + "\", or has it in another shape: it belongs to another training");
    auto values = at::empty(tensor.sizes(), at::kFloat);
    encoder::read_floats(*view, 0, std::span(values.data_ptr<float>(), static_cast<std::size_t>(values.numel())));
    at::Tensor(tensor).copy_(values);
  }
}

}  // namespace

void write_trained_model(const fs::path& path, const TrainableClip& model, const ModelFiles& files) {
  encoder::NewDirectory made(path);
  write_model_files(made, model, files);
  made.publish(/*replace=*/true);
}

fs::path write_checkpoint(const fs::path& directory, const TrainingState& state, const TrainableClip& model, const AdamW& optimizer,
                          const ModelFiles& files, std::size_t kept) {
  auto path = directory / step_name(state.step);
  encoder::NewDirectory made(path);
  write_model_files(made, model, files);
  write_optimizer(made, optimizer);
  const json saved = {{"step", state.step},
                      {"epoch", state.position.epoch},
                      {"samples_of_epoch", state.position.taken},
                      {"optimizer_steps", state.optimizer_steps},
                      {"loss_scale", state.loss_scale},
                      {"steps_at_scale", state.steps_at_scale},
                      {"samples", state.samples}};
  made.write(kStateFile, saved.dump(2) + "\n");
  made.publish(/*replace=*/true);
  auto all = checkpoints_in(directory);
  while (all.size() > std::max<std::size_t>(kept, 1)) {
    fs::remove_all(all.begin()->second);
    all.erase(all.begin());
  }
  return path;
}

std::optional<fs::path> newest_checkpoint(const fs::path& directory) {
  const auto all = checkpoints_in(directory);
  return all.empty() ? std::nullopt : std::optional(all.rbegin()->second);
}

TrainingState read_state(const fs::path& checkpoint) {
  const auto file = checkpoint / kStateFile;
  try {
    const auto saved = encoder::read_json(file, {});
    return {.step = saved.at("step").get<std::uint64_t>(),
            .position = {.epoch = saved.at("epoch").get<std::uint64_t>(), .taken = saved.at("samples_of_epoch").get<std::uint64_t>()},
            .optimizer_steps = saved.at("optimizer_steps").get<std::uint64_t>(),
            .loss_scale = saved.at("loss_scale").get<double>(),
            .steps_at_scale = saved.at("steps_at_scale").get<std::uint64_t>(),
            .samples = saved.at("samples").get<std::uint64_t>()};
  } catch (const std::exception& error) {
    throw std::runtime_error(file.string() + " cannot be read (" + error.what() +
                             "): remove the checkpoint that it is in, to go on from the one before");
  }
}

void remove_leftovers(const fs::path& directory) {
  if (!fs::is_directory(directory)) return;
  std::vector<fs::path> leftovers;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with(kPrefix) && !name.starts_with("model.") && !name.starts_with("tokenizer.")) continue;
    const auto replaced = name.find(".replaced-");
    // What was put aside is the only copy until the new one is there.
    const bool superseded = replaced != std::string::npos && fs::exists(directory / name.substr(0, replaced));
    if (name.find(".partial-") != std::string::npos || superseded) leftovers.push_back(entry.path());
  }
  for (const auto& leftover : leftovers) fs::remove_all(leftover);
}

void remove_checkpoints(const fs::path& directory) {
  for (const auto& [step, path] : checkpoints_in(directory)) fs::remove_all(path);
}

TrainingState read_checkpoint(const fs::path& path, TrainableClip& model, AdamW& optimizer) {
  auto state = read_state(path);
  const bool huggingface = fs::exists(path / "model.safetensors");
  const auto weights = encoder::Checkpoint::open(path / (huggingface ? "model.safetensors" : "open_clip_model.safetensors"));
  encoder::check_tensors(weights, model.config());
  model.load(weights);
  read_optimizer(path / kOptimizerFile, optimizer);
  optimizer.set_steps(state.optimizer_steps);
  return state;
}

}  // namespace clipdex::training
