#include <catch2/catch_test_macros.hpp>
#include <map>
#include <regex>
#include <sstream>

#include "tests/http/raw_connection.h"
#include "tests/http/served_engine.h"

using namespace clipdex::tests;

namespace {

// name{labels} -> value. Checks the format on the way: each sample follows its family's HELP and TYPE, each family comes once.
std::map<std::string, double> parse_metrics(const std::string& text) {
  static const std::regex sample(R"re(([a-z_]+)(\{[a-z_]+="[^"\n]*"(?:,[a-z_]+="[^"\n]*")*\})? ([0-9.e+-]+|\+Inf|NaN))re");
  std::map<std::string, double> samples;
  std::map<std::string, std::string> types;
  std::string family;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      std::istringstream words(line.substr(7));
      std::string type;
      words >> family >> type;
      CHECK(types.emplace(family, type).second);
      continue;
    }
    std::smatch match;
    REQUIRE(std::regex_match(line, match, sample));
    const std::string name = match[1], suffix = name.substr(std::min(family.size(), name.size()));
    CHECK(name.starts_with(family));
    CHECK((types[family] == "histogram" ? suffix == "_bucket" || suffix == "_sum" || suffix == "_count" : suffix.empty()));
    CHECK(samples.emplace(name + std::string(match[2]), std::stod(match[3])).second);
  }
  CHECK(text.ends_with("\n"));
  return samples;
}

std::map<std::string, double> metrics_of(ServedEngine& served) {
  const auto answer = served.get("/metrics");
  REQUIRE(answer);
  REQUIRE(answer->status == 200);
  CHECK(answer->get_header_value("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  return parse_metrics(answer->body);
}

std::string requests(const std::string& route, const std::string& method, int status) {
  return "clipdex_http_requests_total{route=\"" + route + "\",method=\"" + method + "\",status=\"" + std::to_string(status) + "\"}";
}

}  // namespace

TEST_CASE("requests are counted by route, method and status, and no path of a client becomes a label") {
  ServedEngine served;
  ingest_sample(served);
  for (int i = 0; i < 3; ++i) served.get("/v1/collections/c/images/dog.png");
  served.get("/v1/collections/c/images/none");
  served.client().Head("/healthz");
  served.get("/no/such/path");
  RawConnection raw(served.port());
  raw.send("BREW /healthz HTTP/1.1\r\n\r\n");
  raw.read_all();
  const auto metrics = metrics_of(served);
  const std::string image = "/v1/collections/{collection}/images/{id}";
  CHECK(metrics.at(requests(image, "GET", 200)) == 3);
  CHECK(metrics.at(requests(image, "GET", 404)) == 1);
  CHECK(metrics.at(requests("/healthz", "HEAD", 200)) == 1);
  CHECK(metrics.at(requests("none", "GET", 404)) == 1);
  CHECK(metrics.at("clipdex_http_request_duration_seconds_count{route=\"" + image + "\",method=\"GET\"}") == 4);
  CHECK(metrics.at("clipdex_http_request_duration_seconds_bucket{route=\"" + image + "\",method=\"GET\",le=\"+Inf\"}") == 4);
  CHECK(metrics.at("clipdex_ingested_images_total{status=\"created\"}") == 4);
  for (const auto& [name, value] : metrics) {
    CHECK(name.find("such") == std::string::npos);
    CHECK(name.find("BREW") == std::string::npos);
  }
}

TEST_CASE("a histogram's buckets are cumulative and end at its count") {
  ServedEngine served;
  auto& metrics = served.engine().metrics();
  using std::chrono::microseconds;
  for (const auto time : {microseconds(1), microseconds(10), microseconds(11), microseconds(90'000'000)}) metrics.decode.observe(time);
  {
    const clipdex::engine::StageTimer timer(metrics.records);
  }
  for (const std::uint64_t size : {1U, 16U, 17U, 5'000U}) metrics.image_batch.observe(size);
  const auto samples = metrics_of(served);
  const std::string decode = "clipdex_stage_duration_seconds_bucket{stage=\"decode\",le=";
  CHECK(samples.at(decode + "\"1e-05\"}") == 2);  // the upper end belongs to it
  CHECK(samples.at(decode + "\"2.5e-05\"}") == 3);
  CHECK(samples.at(decode + "\"60\"}") == 3);
  CHECK(samples.at(decode + "\"+Inf\"}") == 4);
  CHECK(samples.at("clipdex_stage_duration_seconds_count{stage=\"decode\"}") == 4);
  CHECK(samples.at("clipdex_stage_duration_seconds_sum{stage=\"decode\"}") > 90);
  CHECK(samples.at("clipdex_stage_duration_seconds_count{stage=\"records\"}") == 1);
  CHECK(samples.at("clipdex_encoder_batch_size_bucket{kind=\"image\",le=\"16\"}") == 2);
  CHECK(samples.at("clipdex_encoder_batch_size_bucket{kind=\"image\",le=\"32\"}") == 3);
  CHECK(samples.at("clipdex_encoder_batch_size_sum{kind=\"image\"}") == 5'034);
}

TEST_CASE("collections, connections and the process are measured") {
  ServedEngine served;
  ingest_sample(served);
  served.remove("/v1/collections/c/images/dog.png");
  const RawConnection idle(served.port());
  auto metrics = metrics_of(served);
  CHECK(metrics.at("clipdex_collection_images{collection=\"c\"}") == 3);
  CHECK(metrics.at("clipdex_collection_rows{collection=\"c\",state=\"buffered\"}") == 4);
  CHECK(metrics.at("clipdex_collection_rows{collection=\"c\",state=\"deleted\"}") == 1);
  CHECK(metrics.at("clipdex_collection_disk_bytes{collection=\"c\"}") > 0);
  while (metrics.at("clipdex_http_connections") < 2) metrics = metrics_of(served);  // it is accepted in its own time
  CHECK(metrics.at("clipdex_http_busy_workers") == 1);
  CHECK(metrics.at("process_resident_memory_bytes") > 1e6);
  CHECK(metrics.at("process_start_time_seconds") > 1.7e9);
}
