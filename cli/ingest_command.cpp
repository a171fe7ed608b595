#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/input_files.h"
#include "cli/progress.h"
#include "cli/stop_signal.h"
#include "cli/target.h"
#include "http/client.h"
#include "http/json_text.h"

namespace clipdex::cli {
namespace {

struct IngestOptions {
  TargetOptions target;
  std::vector<std::string> paths;
  std::string metadata, id_from = "path";
  bool json = false;
};

constexpr std::size_t kImagesPerRequest = 64;

class Ingest {
 public:
  explicit Ingest(const IngestOptions& options) : options_(options) {}

  int run() {
    const auto files = collect_inputs(options_.paths);
    if (!options_.metadata.empty()) metadata_ = read_metadata_lines(options_.metadata);
    if (files.empty()) throw std::invalid_argument("no .jpg, .jpeg or .png files there");
    target_ = open_target(options_.target);
    target_->ensure_collection(options_.target.collection);
    bytes_max_ = target_->ingest_bytes_max();
    const StopSignal stop;
    progress_.emplace("images", files.size());
    for (const auto& file : files) {
      if (stop.requested()) break;
      add(file);
    }
    send();
    return summarise(files.size(), stop.requested());
  }

 private:
  void add(const InputFile& file) {
    std::string error;
    auto bytes = read_file(file.path, bytes_max_, error);
    if (!bytes) {
      take({.source = file.name, .error_code = "unreadable_file", .error = error});
      progress_->advance(1);
      return;
    }
    if (!batch_.empty() && (batch_.size() == kImagesPerRequest || batch_bytes_ + bytes->size() > bytes_max_)) send();
    batch_bytes_ += bytes->size();
    engine::IngestItem item{.id = {}, .bytes = std::move(*bytes), .source = file.name, .metadata = {}};
    if (options_.id_from == "path") item.id = file.name;
    const auto metadata = metadata_.find(file.name);
    if (metadata != metadata_.end()) item.metadata = metadata->second;
    batch_.push_back(std::move(item));
  }

  void send() {
    if (batch_.empty()) return;
    for (const auto& result : target_->ingest(options_.target.collection, batch_)) take(result);
    progress_->advance(batch_.size());
    batch_.clear();
    batch_bytes_ = 0;
  }

  void take(const engine::IngestResult& result) {
    ++counts_[static_cast<std::size_t>(result.status)];
    if (options_.json) std::cout << http::to_json_text(result) << '\n';
    if (result.status == engine::IngestStatus::kFailed) progress_->message("failed: " + result.source + ": " + result.error);
  }

  int summarise(std::size_t total, bool interrupted) {
    const double seconds = progress_->seconds();
    progress_.reset();
    const auto count = [this](engine::IngestStatus status) { return counts_[static_cast<std::size_t>(status)]; };
    const std::size_t failed = count(engine::IngestStatus::kFailed);
    std::size_t done = 0;
    for (const auto n : counts_) done += n;
    std::fprintf(stderr, "%s%zu of %zu images in %.1f s (%.1f/s): %zu created, %zu updated, %zu unchanged, %zu failed\n",
                 interrupted ? "interrupted after " : "", done, total, seconds, static_cast<double>(done) / std::max(seconds, 1e-9),
                 count(engine::IngestStatus::kCreated), count(engine::IngestStatus::kUpdated), count(engine::IngestStatus::kUnchanged), failed);
    if (interrupted) std::fputs("what was done is stored; the same command goes on from there\n", stderr);
    if (failed == total) return kFailure;
    return failed > 0 || interrupted ? kPartlyDone : kSuccess;
  }

  const IngestOptions& options_;
  std::unique_ptr<Target> target_;
  std::map<std::string, std::string> metadata_;
  std::size_t bytes_max_ = 0;
  std::vector<engine::IngestItem> batch_;
  std::size_t batch_bytes_ = 0;
  std::array<std::size_t, 4> counts_{};
  std::optional<Progress> progress_;
};

}  // namespace

void add_ingest_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("ingest", "Add pictures: files, and folders with all that is in them");
  auto options = std::make_shared<IngestOptions>();
  command->add_option("paths", options->paths, "Files and folders")->required();
  add_target_options(*command, options->target);
  command->add_option("--id-from", options->id_from, "path: ids are names relative to the folder given, so that a changed file replaces its old version; hash: ids are content hashes")
      ->check(CLI::IsMember({"path", "hash"}))
      ->capture_default_str();
  command->add_option("--metadata", options->metadata, "JSON lines {\"file\": name, ...}: what to keep with each picture");
  command->add_flag("--json", options->json, "One JSON line a picture on stdout");
  command->footer("The collection is made if it is missing. Run the same command again to pick up what is new: known pictures are not encoded again.\n"
                  "Examples:\n  clipdex ingest ~/Pictures -c photos\n  clipdex ingest shop/ --metadata shop/metadata.jsonl --data ./clipdex-data");
  command->callback([options, &action] { action = [options] { return Ingest(*options).run(); }; });
}

}  // namespace clipdex::cli
