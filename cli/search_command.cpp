#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/contact_sheet.h"
#include "cli/input_files.h"
#include "cli/numpy_file.h"
#include "cli/table.h"
#include "cli/target.h"
#include "http/client.h"
#include "http/json_text.h"

namespace clipdex::cli {
namespace {

struct SearchOptions {
  TargetOptions target;
  std::string text, image, id, vector;
  std::optional<float> min_score;
  engine::SearchRequest request;
  std::string sheet;
  bool open = false, json = false;
};

std::vector<float> read_vector(const std::string& file) {
  std::vector<float> values;
  if (file.ends_with(".npy")) {
    auto array = read_numpy(file);
    const bool one_row = array.shape.size() == 1 || (array.shape.size() == 2 && array.shape[0] == 1);
    if (!one_row) throw std::invalid_argument(file + " is not one vector: its shape is neither [n] nor [1, n]");
    values = std::move(array.values);
  } else {
    ReadError error;
    constexpr std::size_t kBytesMax = std::size_t{16} << 20;
    const auto text = read_file(file, kBytesMax, error);
    if (!text) throw std::invalid_argument("cannot read " + file + ": " + error.message);
    auto parsed = nlohmann::json::parse(*text, nullptr, false);
    if (parsed.is_object() && parsed.contains("embedding")) parsed = nlohmann::json(parsed["embedding"]);  // a line of "clipdex embed"
    if (!parsed.is_array() || parsed.empty() || !std::all_of(parsed.begin(), parsed.end(), [](const auto& v) { return v.is_number(); })) {
      throw std::invalid_argument(file + " is neither a .npy file nor a JSON array of numbers nor a line of \"clipdex embed\"");
    }
    values = parsed.get<std::vector<float>>();
  }
  // JSON has no such numbers: a server would be sent something else.
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    throw std::invalid_argument(file + " has numbers that are not finite");
  return values;
}

std::string check_score(const std::string& text) {
  const double score = std::strtod(text.c_str(), nullptr);
  return score >= -1 && score <= 1 ? "" : "a cosine is between -1 and 1";
}

void set_query(SearchOptions& options) {
  const int queries = !options.text.empty() + !options.image.empty() + !options.id.empty() + !options.vector.empty();
  if (queries != 1) throw std::invalid_argument("a search needs exactly one of TEXT, --image, --id and --vector");
  if (!options.text.empty()) options.request.query = engine::TextQuery{options.text};
  if (!options.id.empty()) options.request.query = engine::IdQuery{options.id};
  if (!options.vector.empty()) options.request.query = engine::VectorQuery{read_vector(options.vector)};
  if (options.image.empty()) return;
  ReadError error;
  auto bytes = read_file(options.image, engine::ImageLimits{}.bytes_max, error);
  if (!bytes) throw std::runtime_error("cannot read " + options.image + ": " + error.message);
  options.request.query = engine::ImageQuery{std::move(*bytes)};
}

// What is wrong with the query's picture is said of its file.
engine::SearchResult search_target(Target& target, const SearchOptions& options) {
  try {
    return target.search(options.target.collection, options.request);
  } catch (const engine::ImageError& error) {
    throw std::runtime_error(options.image + ": " + error.what());
  } catch (const http::ClientError& error) {
    if (!error.code().ends_with("_image") && error.code() != "image_too_large") throw;
    throw std::runtime_error(options.image + ": " + error.what());
  }
}

std::string three_digits(float score) {
  char text[16];
  std::snprintf(text, sizeof text, "%.3f", static_cast<double>(score));
  return text;
}

std::string size_of(const engine::ImageRecord& record) { return std::to_string(record.width) + "x" + std::to_string(record.height); }

void print_hits(const engine::SearchResult& result) {
  constexpr std::size_t kIdColumns = 48, kCaptionColumns = 60;
  std::vector<std::vector<std::string>> rows;
  rows.reserve(result.hits.size());
  for (const auto& hit : result.hits) {
    rows.push_back({three_digits(hit.score), printable(hit.record.id, kIdColumns), size_of(hit.record),
                    printable(caption_of(hit.record.metadata, hit.record.source), kCaptionColumns)});
  }
  print_table(std::cout, {"score", "id", "size", "caption"}, rows);
  std::cout.flush();  // the table first, where both go to a terminal
  std::fprintf(stderr, "%zu hits in %.1f ms (encoding %.1f, search %.1f)\n", result.hits.size(), result.total_ms, result.encode_ms,
               result.search_ms);
}

void make_sheet(Target& target, const SearchOptions& options, const engine::SearchResult& result) {
  std::string title = options.text;
  if (!options.image.empty()) title = "like the picture " + as_text(options.image);
  if (!options.id.empty()) title = "like " + options.id;
  if (!options.vector.empty()) title = "like the vector in " + as_text(options.vector);
  ContactSheet sheet(title, options.target.collection);
  for (const auto& hit : result.hits) {
    sheet.add({.id = hit.record.id,
               .score = three_digits(hit.score),
               .size = size_of(hit.record),
               .caption = caption_of(hit.record.metadata, ""),
               .thumbnail = target.content(options.target.collection, hit.record.id, engine::ContentSize::kThumbnail)});
  }
  const auto file = sheet.write(options.sheet);
  std::fprintf(stderr, "contact sheet: %s\n", as_text(file.string()).c_str());
  if (options.open && !open_in_browser(file)) std::fputs("no browser could be started: open the file in one\n", stderr);
}

int search(SearchOptions& options) {
  set_query(options);
  options.request.min_score = options.min_score;
  const auto target = open_target(options.target);
  const auto result = search_target(*target, options);
  if (options.json) {
    for (const auto& hit : result.hits) std::cout << http::to_json_text(hit) << '\n';
    std::cout.flush();
  } else {
    print_hits(result);
  }
  if (options.open || !options.sheet.empty()) make_sheet(*target, options, result);
  return kSuccess;
}

}  // namespace

void add_search_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("search", "Find pictures by text, by a picture, by an id or by a vector");
  auto options = std::make_shared<SearchOptions>();
  command->add_option("text", options->text, "What the picture shows")->check(check_text);
  command->add_option("--image", options->image, "A picture like the ones wanted")->check(check_not_empty);
  command->add_option("--id", options->id, "An image of the collection, for more like it")->check(check_text);
  command->add_option("--vector", options->vector, "A file with an embedding: .npy, a JSON array, or a line of \"clipdex embed\"")
      ->check(check_not_empty);
  add_target_options(*command, options->target);
  add_exact_decode_option(*command, options->target);
  command->add_option("-n,--limit", options->request.limit, "Number of hits")
      ->check(CLI::Range(std::size_t{1}, engine::kSearchLimitMax))
      ->capture_default_str();
  command
      ->add_option("--offset", options->request.offset, "Hits to skip; with the limit at most " + std::to_string(engine::kSearchWindowMax))
      ->capture_default_str();
  command->add_option("--min-score", options->min_score, "Least cosine of a hit, -1 to 1")->check(check_score);
  command->add_flag("--exact", options->request.exact, "Scan everything, whatever the index type");
  command->add_flag("--open", options->open,
                    "Write a contact sheet of the hits, one HTML file with their thumbnails, and open it ($BROWSER, else xdg-open)");
  command->add_option("--sheet", options->sheet, "Where to write the contact sheet (with --open alone: a temporary file)")
      ->check(check_not_empty);
  command->add_flag("--json", options->json, "One JSON line a hit on stdout");
  command->footer(
      "Examples:\n  clipdex search \"a dog on a skateboard\" -c photos\n  clipdex search --image query.jpg --data ./clipdex-data --json\n  "
      "clipdex search --id 2019/beach.jpg -c photos -n 50\n  clipdex search \"a sunset\" -c photos -n 100 --open");
  command->callback([options, &action] { action = [options] { return search(*options); }; });
}

}  // namespace clipdex::cli
