// Does the product find what the model can find, and what do HTTP, store and index cost beside the encoder? Ingests the gallery over HTTP,
// queries it by every caption, and prints recall beside the model card's, and speed as a share of the bare encoder's in the same run.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "http/client.h"
#include "http/server.h"

namespace {

namespace fs = std::filesystem;
namespace engine = clipdex::engine;
namespace http = clipdex::http;
using Clock = std::chrono::steady_clock;

constexpr std::array<std::size_t, 3> kRanks = {1, 5, 10};
constexpr std::size_t kImagesPerRequest = 64;

struct Picture {
  std::string file, kind, bytes;
  std::map<std::string, std::string> captions;  // by field
};

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

std::vector<Picture> read_gallery(const fs::path& directory) {
  std::vector<Picture> pictures;
  std::ifstream list(directory / "metadata.jsonl");
  for (std::string line; std::getline(list, line);) {
    const auto entry = nlohmann::json::parse(line);
    std::ifstream stream(directory / entry.at("file").get<std::string>(), std::ios::binary);
    pictures.push_back(
        {.file = entry.at("file"), .kind = entry.at("kind"), .bytes = {std::istreambuf_iterator<char>(stream), {}}, .captions = {}});
    for (const auto* field : {"caption", "caption_zh"}) pictures.back().captions[field] = entry.at(field);
  }
  return pictures;
}

// Pictures a second of decoding and encoding alone, in batches of the same size.
double encode_alone(const engine::ClipEncoder& encoder, const std::vector<Picture>& pictures) {
  const auto start = Clock::now();
  for (std::size_t at = 0; at < pictures.size(); at += kImagesPerRequest) {
    std::vector<engine::Image> batch;
    for (std::size_t i = at; i < std::min(at + kImagesPerRequest, pictures.size()); ++i) {
      const auto& bytes = pictures[i].bytes;
      batch.push_back(engine::decode_image({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}));
    }
    encoder.encode_images(batch);
  }
  return static_cast<double>(pictures.size()) / seconds_since(start);
}

double ingest(http::Client& client, const std::vector<Picture>& pictures) {
  const auto start = Clock::now();
  for (std::size_t at = 0; at < pictures.size(); at += kImagesPerRequest) {
    std::vector<engine::IngestItem> batch;
    for (std::size_t i = at; i < std::min(at + kImagesPerRequest, pictures.size()); ++i) {
      batch.push_back({.id = pictures[i].file, .bytes = pictures[i].bytes, .source = pictures[i].file, .metadata = {}});
    }
    for (const auto& result : client.ingest("gallery", batch)) {
      if (result.status != engine::IngestStatus::kCreated) throw std::runtime_error(result.source + ": " + result.error);
    }
  }
  return static_cast<double>(pictures.size()) / seconds_since(start);
}

// Prints R@1/5/10 of the queries by one caption field; appends each query's milliseconds.
void measure_recall(http::Client& client, const std::vector<Picture>& pictures, const std::string& field,
                    std::vector<double>& milliseconds) {
  std::map<std::string, std::array<double, 3>> found;
  std::map<std::string, double> queries;
  for (const auto& picture : pictures) {
    const auto start = Clock::now();
    const auto result =
        client.search("gallery", {.query = engine::TextQuery{picture.captions.at(field)}, .limit = kRanks.back(), .min_score = {}});
    milliseconds.push_back(seconds_since(start) * 1e3);
    const auto hit = std::find_if(result.hits.begin(), result.hits.end(), [&](const auto& h) { return h.record.id == picture.file; });
    const auto rank = static_cast<std::size_t>(hit - result.hits.begin()) + 1;
    for (const std::string& kind : {std::string("all"), picture.kind}) {
      queries[kind] += 1;
      for (std::size_t i = 0; i < kRanks.size(); ++i) found[kind][i] += hit != result.hits.end() && rank <= kRanks[i] ? 1 : 0;
    }
  }
  for (const auto& [kind, counts] : found) {
    std::printf("%-12s %-8s", field.c_str(), kind.c_str());
    for (const double count : counts) std::printf(" %6.1f", 100 * count / queries[kind]);
    std::printf("   of %.0f queries\n", queries[kind]);
  }
}

void run(const fs::path& data) {
  const fs::path source = CLIPDEX_SOURCE_DIR;
  const auto pictures = read_gallery(source / "tests/data/gallery");
  engine::Engine engine({.data_directory = data, .model = source / "tests/data/emoji-clip", .limits = {}, .encoder = {}});
  http::Server server({.port = 0});
  std::jthread serving([&] { server.run(engine); });
  http::Client client(server.url());
  client.create_collection("gallery", {});

  encode_alone(engine.encoder(), pictures);  // warms up
  const double alone = encode_alone(engine.encoder(), pictures);
  const double ingested = ingest(client, pictures);
  std::printf("ingest over HTTP %.0f images/s, bare decoding and encoding %.0f images/s: %.2f of it\n\n", ingested, alone,
              ingested / alone);

  std::vector<double> over_http, encoding;
  std::printf("queries by   pictures    R@1    R@5   R@10\n");
  for (const auto* field : {"caption", "caption_zh"}) measure_recall(client, pictures, field, over_http);
  for (const auto& picture : pictures) {
    const auto start = Clock::now();
    engine.encoder().encode_texts(std::vector<std::string>{picture.captions.at("caption")});
    encoding.push_back(seconds_since(start) * 1e3);
  }
  std::printf("\ntext query over HTTP p50 %.2f ms, p99 %.2f ms; its encoding alone p50 %.2f ms: %.2f of it\n", percentile(over_http, 0.5),
              percentile(over_http, 0.99), percentile(encoding, 0.5), percentile(encoding, 0.5) / percentile(over_http, 0.5));
  server.stop();
}

}  // namespace

int main() {
  std::string directory = (fs::temp_directory_path() / "clipdex-benchmark-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) return EXIT_FAILURE;
  spdlog::set_level(spdlog::level::warn);  // no line a request
  int code = EXIT_SUCCESS;
  try {
    run(directory);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gallery_recall: %s\n", error.what());
    code = EXIT_FAILURE;
  }
  fs::remove_all(directory);
  return code;
}
