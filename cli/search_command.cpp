#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/input_files.h"
#include "cli/numpy_file.h"
#include "cli/table.h"
#include "cli/target.h"
#include "http/json_text.h"

namespace clipdex::cli {
namespace {

struct SearchOptions {
  TargetOptions target;
  std::string text, image, id, vector;
  std::optional<float> min_score;
  engine::SearchRequest request;
  bool json = false;
};

std::vector<float> read_vector(const std::string& file) {
  if (file.ends_with(".npy")) return read_numpy(file).values;
  std::ifstream stream(file);
  const auto parsed = nlohmann::json::parse(stream, nullptr, false);
  if (!parsed.is_array() || parsed.empty() || !std::all_of(parsed.begin(), parsed.end(), [](const auto& v) { return v.is_number(); })) {
    throw std::invalid_argument(file + " is neither a .npy file nor a JSON array of numbers");
  }
  return parsed.get<std::vector<float>>();
}

void set_query(SearchOptions& options) {
  const int queries = !options.text.empty() + !options.image.empty() + !options.id.empty() + !options.vector.empty();
  if (queries != 1) throw std::invalid_argument("a search needs exactly one of TEXT, --image, --id and --vector");
  if (!options.text.empty()) options.request.query = engine::TextQuery{options.text};
  if (!options.id.empty()) options.request.query = engine::IdQuery{options.id};
  if (!options.vector.empty()) options.request.query = engine::VectorQuery{read_vector(options.vector)};
  if (options.image.empty()) return;
  std::string error;
  auto bytes = read_file(options.image, engine::ImageLimits{}.bytes_max, error);
  if (!bytes) throw std::invalid_argument("cannot read " + options.image + ": " + error);
  options.request.query = engine::ImageQuery{std::move(*bytes)};
}

int search(SearchOptions& options) {
  set_query(options);
  options.request.min_score = options.min_score;
  const auto result = open_target(options.target)->search(options.target.collection, options.request);
  if (options.json) {
    for (const auto& hit : result.hits) std::cout << http::to_json_text(hit) << '\n';
    return kSuccess;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& hit : result.hits) {
    char score[16];
    std::snprintf(score, sizeof score, "%.3f", static_cast<double>(hit.score));
    constexpr std::size_t kIdColumns = 48, kCaptionColumns = 60;
    rows.push_back({score, printable(hit.record.id, kIdColumns), printable(caption_of(hit.record.metadata, hit.record.source), kCaptionColumns)});
  }
  print_table(std::cout, {"score", "id", "caption"}, rows);
  std::fprintf(stderr, "%zu hits in %.1f ms (encoding %.1f, search %.1f)\n", result.hits.size(), result.total_ms, result.encode_ms, result.search_ms);
  return kSuccess;
}

}  // namespace

void add_search_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("search", "Find pictures by text, by a picture, by an id or by a vector");
  auto options = std::make_shared<SearchOptions>();
  command->add_option("text", options->text, "What the picture shows");
  command->add_option("--image", options->image, "A picture like the ones wanted");
  command->add_option("--id", options->id, "An image of the collection, for more like it");
  command->add_option("--vector", options->vector, "An embedding: .npy, or a JSON array");
  add_target_options(*command, options->target);
  command->add_option("-n,--limit", options->request.limit, "Number of hits, 1 to 1000")->capture_default_str();
  command->add_option("--offset", options->request.offset, "Hits to skip")->capture_default_str();
  command->add_option("--min-score", options->min_score, "Least cosine of a hit");
  command->add_flag("--exact", options->request.exact, "Scan everything");
  command->add_flag("--json", options->json, "One JSON line a hit on stdout");
  command->footer("Examples:\n  clipdex search \"a dog on a skateboard\" -c photos\n  clipdex search --image query.jpg --data ./clipdex-data --json");
  command->callback([options, &action] { action = [options] { return search(*options); }; });
}

}  // namespace clipdex::cli
