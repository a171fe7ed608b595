#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/input_files.h"
#include "cli/progress.h"
#include "cli/stop_signal.h"
#include "cli/table.h"
#include "cli/target.h"
#include "engine/identifiers.h"
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
constexpr std::size_t kNameColumns = 200, kReasonColumns = 1000;
constexpr int kPayloadTooLarge = 413;

// The server will not have a request; one image of it may be to blame while the others are good.
bool refuses_request(const http::ClientError& error) {
  return error.code() == "malformed_request" || error.code() == "invalid_value" || error.status() == kPayloadTooLarge;
}

class Ingest {
 public:
  explicit Ingest(const IngestOptions& options) : options_(options) {}

  int run() {
    const auto files = collect_inputs(options_.paths);
    if (files.empty()) throw std::invalid_argument("no pictures there: none of the names ends in " + picture_extensions());
    if (!options_.metadata.empty()) read_metadata(files);
    target_ = open_target(options_.target, DataDirectory::kMade);
    target_->ensure_collection(options_.target.collection);
    bytes_max_ = target_->ingest_bytes_max();
    const StopSignal stop;
    progress_.emplace("images", files.size());
    std::exception_ptr failure;
    try {
      for (const auto& file : files) {
        if (stop.requested()) break;
        add(file);
      }
      if (!stop.requested()) send_batch();
    } catch (...) {
      failure = std::current_exception();
    }
    const int code = summarise(files.size());
    if (failure) std::rethrow_exception(failure);
    return code;
  }

 private:
  void read_metadata(const std::vector<InputFile>& files) {
    metadata_ = read_metadata_lines(options_.metadata);
    auto unused = metadata_;
    for (const auto& file : files) unused.erase(file.name);
    if (unused.empty()) return;
    std::fprintf(stderr,
                 "%zu of %zu names in the metadata are of no picture here, such as \"%s\": names are relative to the folder given\n",
                 unused.size(), metadata_.size(), printable(unused.begin()->first, kNameColumns).c_str());
  }

  bool ids_are_names() const { return options_.id_from == "path"; }

  void fail(const InputFile& file, const char* code, const std::string& error) {
    take({.source = as_text(file.name), .error_code = code, .error = error});
    progress_->advance(1);
  }

  void add(const InputFile& file) {
    if (!file.error.empty()) return fail(file, "unreadable_file", file.error);
    if (ids_are_names() && !engine::is_utf8(file.name))
      return fail(file, "invalid_id", "its name is not valid UTF-8: rename it, or use --id-from hash");
    const auto [first, is_new] = seen_.try_emplace(file.name, file.path);
    std::error_code ignored;
    if (ids_are_names() && !is_new && !std::filesystem::equivalent(first->second, file.path, ignored)) {
      return fail(file, "duplicate_id",
                  as_text(file.path.string()) + " and " + as_text(first->second.string()) +
                      " would have the same id: ingest the folder above both, or use --id-from hash");
    }
    std::string error;
    auto bytes = read_file(file.path, bytes_max_, error);
    if (!bytes) return fail(file, "unreadable_file", error);
    engine::IngestItem item{.id = {}, .bytes = std::move(*bytes), .source = as_text(file.name), .metadata = {}};
    if (ids_are_names()) item.id = file.name;
    const auto metadata = metadata_.find(file.name);
    if (metadata != metadata_.end()) item.metadata = metadata->second;
    const std::size_t size = item.bytes.size() + 2 * file.name.size() + (item.metadata ? item.metadata->size() : 0);
    if (size > bytes_max_) {
      return fail(
          file, "image_too_large",
          "picture and metadata have " + std::to_string(size) + " bytes, and " + std::to_string(bytes_max_) + " are the limit here");
    }
    if (batch_.size() == kImagesPerRequest || batch_bytes_ + size > bytes_max_) send_batch();
    batch_bytes_ += size;
    batch_.push_back(std::move(item));
  }

  void send_batch() {
    const auto batch = std::exchange(batch_, {});
    batch_bytes_ = 0;
    if (!batch.empty()) send(batch);
    std::cout.flush();  // whoever reads along sees what is stored
  }

  void send(std::span<const engine::IngestItem> items) {
    std::vector<engine::IngestResult> results;
    try {
      results = target_->ingest(options_.target.collection, items);
    } catch (const http::ClientError& error) {
      if (!refuses_request(error)) throw;
      if (items.size() > 1) {
        send(items.first(items.size() / 2));
        send(items.subspan(items.size() / 2));
        return;
      }
      results.push_back({.id = items[0].id.value_or(""), .source = items[0].source, .error_code = error.code(), .error = error.what()});
    }
    for (const auto& result : results) take(result);
    progress_->advance(items.size());
  }

  void take(const engine::IngestResult& result) {
    ++counts_[static_cast<std::size_t>(result.status)];
    if (options_.json) std::cout << http::to_json_text(result) << '\n';
    if (result.status == engine::IngestStatus::kFailed)
      progress_->message("failed: " + printable(result.source, kNameColumns) + ": " + printable(result.error, kReasonColumns));
  }

  int summarise(std::size_t total) {
    const double seconds = progress_->seconds();
    progress_.reset();
    const auto count = [this](engine::IngestStatus status) { return counts_[static_cast<std::size_t>(status)]; };
    const std::size_t failed = count(engine::IngestStatus::kFailed);
    const std::size_t done = std::accumulate(counts_.begin(), counts_.end(), std::size_t{0});
    const bool stopped = done < total;
    std::fprintf(stderr, "%s%zu of %zu images in %.1f s (%.1f/s): %zu created, %zu updated, %zu unchanged, %zu failed\n",
                 stopped ? "stopped after " : "", done, total, seconds, static_cast<double>(done) / std::max(seconds, 1e-9),
                 count(engine::IngestStatus::kCreated), count(engine::IngestStatus::kUpdated), count(engine::IngestStatus::kUnchanged),
                 failed);
    if (count(engine::IngestStatus::kUpdated) > 0 && ids_are_names()) {
      std::fputs("updated ones had been ingested under the same names before, with other bytes or metadata; --id-from hash keeps both\n",
                 stderr);
    }
    if (stopped) std::fputs("what was done is stored; the same command goes on from there\n", stderr);
    if (failed == total) return kFailure;
    return failed > 0 || stopped ? kPartlyDone : kSuccess;
  }

  const IngestOptions& options_;
  std::unique_ptr<Target> target_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::filesystem::path> seen_;  // by name: where the first file of that name lies
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
  command->add_option("paths", options->paths, "Files and folders")->required()->check(check_not_empty);
  add_target_options(*command, options->target);
  add_exact_decode_option(*command, options->target);
  command
      ->add_option(
          "--id-from", options->id_from,
          "path: ids are names relative to the folder given, so that a changed file replaces its old version; hash: ids are content hashes")
      ->check(CLI::IsMember({"path", "hash"}))
      ->capture_default_str();
  command
      ->add_option("--metadata", options->metadata,
                   "A file of JSON lines {\"file\": name, ...}: what to keep with each picture; names are relative to the folder given")
      ->check(check_not_empty);
  command->add_flag("--json", options->json, "One JSON line a picture on stdout");
  command->footer(
      "Folders are searched for " + picture_extensions() +
      "; hidden files and links to folders are left out. The collection is made if it is "
      "missing. Run the same command again to pick up what is new: known pictures are not encoded again.\n"
      "Examples:\n  clipdex ingest ~/Pictures -c photos\n  clipdex ingest shop/ --metadata shop/metadata.jsonl --data ./clipdex-data");
  command->callback([options, &action] { action = [options] { return Ingest(*options).run(); }; });
}

}  // namespace clipdex::cli
