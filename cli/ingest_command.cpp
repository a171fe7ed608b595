#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/error_file.h"
#include "cli/file_source.h"
#include "cli/ingest_session.h"
#include "cli/input_files.h"
#include "cli/manifest_source.h"
#include "cli/table.h"
#include "cli/tar_source.h"
#include "datasets/brace_range.h"
#include "datasets/picture_names.h"

namespace clipdex::cli {
namespace {

struct IngestOptions {
  TargetOptions target;
  std::vector<std::string> paths, manifests;
  std::string root, metadata, id_from = "path", errors;
  bool json = false;
};

// What is named on the command line, told apart and known to be there.
struct Named {
  std::vector<InputFile> files;
  std::vector<std::filesystem::path> archives;
  std::vector<std::unique_ptr<ManifestSource>> manifests;
};

IdFrom id_from(const IngestOptions& options) { return options.id_from == "hash" ? IdFrom::kHash : IdFrom::kPath; }

Named named_inputs(const IngestOptions& options) {
  Named named;
  std::vector<std::string> others;
  for (const auto& word : options.paths) {
    std::error_code ignored;
    for (auto& path : std::filesystem::exists(word, ignored) ? std::vector{word} : datasets::expand_brace_ranges(word)) {
      if (!datasets::is_tar_name(path) || std::filesystem::is_directory(path, ignored)) {
        others.push_back(std::move(path));
      } else if (std::filesystem::exists(path, ignored)) {
        named.archives.emplace_back(path);
      } else {
        throw std::invalid_argument("there is no file or folder " + path);
      }
    }
  }
  named.files = collect_inputs(others);
  if (!options.root.empty() && options.manifests.empty()) throw std::invalid_argument("--root goes with --manifest");
  for (const std::filesystem::path manifest : options.manifests) {
    const auto root = options.root.empty() ? manifest.parent_path() : std::filesystem::path(options.root);
    named.manifests.push_back(std::make_unique<ManifestSource>(manifest, root, id_from(options)));
  }
  if (options.paths.empty() && options.manifests.empty())
    throw std::invalid_argument("there is nothing to ingest: name files, folders or tar archives, or a --manifest");
  if (named.files.empty() && named.archives.empty() && named.manifests.empty())
    throw std::invalid_argument("no pictures there: none of the names ends in " + datasets::picture_extensions());
  return named;
}

std::map<std::string, std::string> metadata_of(const std::string& file, const std::vector<InputFile>& files) {
  if (file.empty()) return {};
  auto metadata = read_metadata_lines(file);
  auto unused = metadata;
  for (const auto& input : files) unused.erase(input.name);
  if (!unused.empty()) {
    constexpr std::size_t kNameColumns = 200;
    std::fprintf(stderr,
                 "%zu of %zu names in the metadata are of no picture here, such as \"%s\": names are relative to the folder given\n",
                 unused.size(), metadata.size(), printable(unused.begin()->first, kNameColumns).c_str());
  }
  return metadata;
}

std::vector<std::unique_ptr<InputSource>> sources_of(Named named, std::map<std::string, std::string> metadata, IdFrom id_from,
                                                     std::size_t bytes_max) {
  std::vector<std::unique_ptr<InputSource>> sources;
  if (!named.files.empty())
    sources.push_back(std::make_unique<FileSource>(std::move(named.files), std::move(metadata), id_from, bytes_max));
  for (auto& archive : named.archives) sources.push_back(std::make_unique<TarSource>(std::move(archive), id_from, bytes_max));
  for (auto& manifest : named.manifests) {
    manifest->set_bytes_max(bytes_max);
    sources.push_back(std::move(manifest));
  }
  return sources;
}

// Nothing if one of them does not know.
std::optional<std::size_t> total_of(const std::vector<std::unique_ptr<InputSource>>& sources) {
  std::size_t total = 0;
  for (const auto& source : sources) {
    const auto count = source->count();
    if (!count) return std::nullopt;
    total += *count;
  }
  return total;
}

// whole: every input's fate is known.
int summarise(const IngestSession& session, std::optional<std::size_t> total, bool whole, double seconds, const IngestOptions& options) {
  using Status = engine::IngestStatus;
  const std::size_t done = session.done(), failed = session.count(Status::kFailed);
  const std::string of = total ? " of " + std::to_string(*total) : "";
  std::fprintf(stderr, "%s%zu%s images in %.1f s (%.1f/s): %zu created, %zu updated, %zu unchanged, %zu failed\n",
               whole ? "" : "stopped after ", done, of.c_str(), seconds, static_cast<double>(done) / std::max(seconds, 1e-9),
               session.count(Status::kCreated), session.count(Status::kUpdated), session.count(Status::kUnchanged), failed);
  if (session.count(Status::kUpdated) > 0 && id_from(options) == IdFrom::kPath) {
    std::fputs("updated ones had been ingested under the same names before, with other bytes or metadata; --id-from hash keeps both\n",
               stderr);
  }
  if (failed > 0 && !options.errors.empty()) std::fprintf(stderr, "what failed is listed in %s\n", as_text(options.errors).c_str());
  if (!whole) std::fputs("what was done is stored; the same command goes on from there\n", stderr);
  if (failed == done && whole) return kFailure;
  return failed > 0 || !whole ? kPartlyDone : kSuccess;
}

// A process that ends breaks off what it builds, and each next one would begin again.
void finish_index(Target& target, const std::string& collection, const StopSignal& stop) {
  const auto begin = std::chrono::steady_clock::now();
  bool said = false;
  const bool finished = target.finish_index(collection, [&] {
    constexpr std::chrono::seconds kSilence{2};
    if (!said && std::chrono::steady_clock::now() - begin > kSilence) {
      std::fputs(
          "building the index: what is stored is safe, and Ctrl-C leaves the rest for later (searches look at everything until then)\n",
          stderr);
      said = true;
    }
    return stop.requested();
  });
  if (said && finished) {
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    std::fprintf(stderr, "the index was built in %.0f s\n", seconds);
  }
}

int ingest(const IngestOptions& options) {
  auto named = named_inputs(options);
  auto metadata = metadata_of(options.metadata, named.files);
  std::optional<ErrorFile> errors;
  if (!options.errors.empty()) errors.emplace(options.errors);
  const auto target = open_target(options.target, DataDirectory::kMade);
  target->ensure_collection(options.target.collection);
  const auto sources = sources_of(std::move(named), std::move(metadata), id_from(options), target->ingest_bytes_max());
  const auto total = total_of(sources);
  const StopSignal stop;
  std::optional<Progress> progress(std::in_place, "images", total);
  IngestSession session(*target, {.collection = options.target.collection, .json = options.json, .errors = errors ? &*errors : nullptr},
                        *progress, stop);
  std::size_t added = 0;
  bool exhausted = false;
  std::exception_ptr failure;
  try {
    for (const auto& source : sources) {
      while (!stop.requested()) {
        auto input = source->next();
        if (!input) break;
        ++added;
        session.add(std::move(*input));
      }
    }
    exhausted = !stop.requested();
    session.finish();
  } catch (...) {
    failure = std::current_exception();
  }
  const double seconds = progress->seconds();
  progress.reset();
  const int code = summarise(session, total, exhausted && session.done() == added, seconds, options);
  if (failure) std::rethrow_exception(failure);
  if (session.count(engine::IngestStatus::kCreated) + session.count(engine::IngestStatus::kUpdated) == 0) return code;
  try {
    finish_index(*target, options.target.collection, stop);
  } catch (const std::exception& error) {
    constexpr std::size_t kColumnsMax = 1000;
    std::fprintf(stderr, "the pictures are stored and found, but their index could not be built: %s\n",
                 printable(error.what(), kColumnsMax).c_str());
    return code == kSuccess ? kPartlyDone : code;
  }
  return code;
}

}  // namespace

void add_ingest_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("ingest", "Add pictures: files, folders with all that is in them, webdataset tars, manifests");
  auto options = std::make_shared<IngestOptions>();
  command
      ->add_option(
          "paths", options->paths,
          "Files, folders, and webdataset tars (.tar, .tar.gz, .tgz, .tar.zst; a range such as shard-{000000..000012}.tar is many)")
      ->check(check_not_empty);
  command
      ->add_option(
          "--manifest", options->manifests,
          "A file that lists pictures: JSON lines (.jsonl), or a table with a header (.csv, .tsv); \"file\", \"filepath\", \"path\" or "
          "\"image\" names the picture, \"id\" may name its id, the rest is metadata. Names may be absolute "
          "or lead out of the root: look at what a manifest of others names before you ingest it")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check(check_not_empty);
  command->add_option("--root", options->root, "The folder that a manifest's names are relative to (default: the manifest's own)")
      ->check(check_not_empty);
  add_target_options(*command, options->target);
  add_exact_decode_option(*command, options->target);
  command
      ->add_option("--id-from", options->id_from,
                   "path: ids are names relative to the folder given (a tar's keys, a manifest's names), so that a changed file replaces "
                   "its old version; "
                   "hash: ids are content hashes")
      ->check(CLI::IsMember({"path", "hash"}))
      ->capture_default_str();
  command
      ->add_option("--metadata", options->metadata,
                   "A file of JSON lines {\"file\": name, ...}: what to keep with each picture; names are relative to the folder given")
      ->check(check_not_empty);
  command
      ->add_option("--errors", options->errors,
                   "A file to write a JSON line {\"input\", \"id\", \"code\", \"error\"} to for everything that fails, as it happens")
      ->check(check_not_empty);
  command->add_flag("--json", options->json, "One JSON line a picture on stdout");
  command->footer(
      "Folders are searched for " + datasets::picture_extensions() +
      "; hidden files and links to folders are left out. The collection is made if it is "
      "missing. Run the same command again to pick up what is new: known pictures are neither sent nor encoded again.\n"
      "Examples:\n  clipdex ingest ~/Pictures -c photos\n  clipdex ingest 'laion/{00000..00099}.tar' -c laion --errors errors.jsonl\n"
      "  clipdex ingest --manifest products.csv --root ~/product-pictures -c products\n"
      "  clipdex ingest shop/ --metadata shop/metadata.jsonl --data ./clipdex-data");
  command->callback([options, &action] { action = [options] { return ingest(*options); }; });
}

}  // namespace clipdex::cli
