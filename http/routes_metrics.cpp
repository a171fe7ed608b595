#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "http/prometheus.h"
#include "http/router.h"

namespace clipdex::http {
namespace {

using engine::IngestStatus;
constexpr double kNanoseconds = 1e-9;

std::uint64_t unsigned_level(const engine::Gauge& gauge) { return static_cast<std::uint64_t>(std::max<std::int64_t>(gauge.value(), 0)); }

std::string_view route_name(std::size_t route) { return route < routes().size() ? routes()[route].pattern : "none"; }

void write_requests(PrometheusText& text, const RequestMetrics& requests) {
  text.family("clipdex_http_requests_total", "counter", "Requests answered, by route, method and status.");
  requests.for_each([&](std::size_t route, std::string_view method, std::string_view status, std::uint64_t count) {
    text.sample({{"route", route_name(route)}, {"method", method}, {"status", status}}, count);
  });
  text.family("clipdex_http_request_duration_seconds", "histogram", "From a request's first byte to the end of its answer.");
  for (std::size_t route = 0; route <= requests.routes(); ++route) {
    const auto method = route < routes().size() ? routes()[route].method : "none";
    text.histogram({{"route", route_name(route)}, {"method", method}}, requests.latency(route), kNanoseconds);
  }
  text.family("clipdex_http_received_bytes_total", "counter", "Bytes of requests, heads included.");
  text.sample({}, requests.bytes_in());
  text.family("clipdex_http_sent_bytes_total", "counter", "Bytes of answers, heads included.");
  text.sample({}, requests.bytes_out());
}

void write_connections(PrometheusText& text, const ServerState& server) {
  const auto& counts = server.connections;
  text.family("clipdex_http_connections", "gauge", "Open connections.");
  text.sample({}, unsigned_level(counts.open));
  text.family("clipdex_http_busy_workers", "gauge", "Threads within a request.");
  text.sample({}, unsigned_level(counts.busy));
  text.family("clipdex_http_threads", "gauge", "Threads that serve connections, the waiting ones included.");
  text.sample({}, unsigned_level(counts.threads));
  text.family("clipdex_http_connections_total", "counter", "Connections, by whether they were served or over the limit.");
  text.sample({{"result", "accepted"}}, counts.accepted.value());
  text.sample({{"result", "refused"}}, counts.refused.value());
  text.family("clipdex_http_body_bytes", "gauge", "Bodies of requests in memory.");
  text.sample({}, std::uint64_t{server.bodies.bytes()});
}

void write_engine(PrometheusText& text, const engine::Metrics& metrics) {
  text.family("clipdex_stage_duration_seconds", "histogram", "Time of the engine's stages, waiting included.");
  const std::pair<std::string_view, const engine::LatencyHistogram*> stages[] = {
      {"encode_text", &metrics.encode_text}, {"encode_image", &metrics.encode_image}, {"decode", &metrics.decode},
      {"preprocess", &metrics.preprocess},   {"thumbnail", &metrics.thumbnail},       {"index_search", &metrics.index_search},
      {"records", &metrics.records},         {"store_write", &metrics.store_write},   {"index_apply", &metrics.index_apply}};
  for (const auto& [name, histogram] : stages) text.histogram({{"stage", name}}, *histogram, kNanoseconds);
  text.family("clipdex_queue_depth", "gauge",
              "What waits: pictures to be decoded, texts and pictures to be encoded, requests to be stored.");
  text.sample({{"queue", "decode"}}, unsigned_level(metrics.decode_queue));
  text.sample({{"queue", "encode_text"}}, unsigned_level(metrics.encode_text_queue));
  text.sample({{"queue", "encode_image"}}, unsigned_level(metrics.encode_image_queue));
  text.sample({{"queue", "write"}}, unsigned_level(metrics.write_queue));
  text.family("clipdex_encoder_batch_size", "histogram", "Texts and pictures in one call of the encoder.");
  text.histogram({{"kind", "text"}}, metrics.text_batch, 1);
  text.histogram({{"kind", "image"}}, metrics.image_batch, 1);
  text.family("clipdex_query_cache_requests_total", "counter", "Query embeddings that were asked for, by whether the cache had them.");
  text.sample({{"result", "hit"}}, metrics.query_cache_hits.value());
  text.sample({{"result", "miss"}}, metrics.query_cache_misses.value());
  text.family("clipdex_query_cache_bytes", "gauge", "Memory of the cache of query embeddings.");
  text.sample({}, unsigned_level(metrics.query_cache_bytes));
  text.family("clipdex_ingested_images_total", "counter", "Images of ingest requests, by what became of them.");
  for (const auto status : {IngestStatus::kCreated, IngestStatus::kUpdated, IngestStatus::kUnchanged, IngestStatus::kFailed})
    text.sample({{"status", engine::ingest_status_name(status)}}, metrics.ingested(status).value());
}

void write_collections(PrometheusText& text, const engine::Engine& engine) {
  std::vector<engine::CollectionStatistics> all;
  for (const auto& collection : engine.collections()) all.push_back(collection->statistics());
  const auto gauge = [&](std::string_view name, std::string_view help, auto value) {
    text.family(name, "gauge", help);
    for (const auto& s : all) text.sample({{"collection", s.name}}, std::uint64_t{value(s)});
  };
  gauge("clipdex_collection_images", "Images of the collection.", [](const auto& s) { return s.images; });
  text.family("clipdex_collection_rows", "gauge", "Rows of the index that are deleted and still take memory, or in the growing buffer.");
  for (const auto& s : all) {
    text.sample({{"collection", s.name}, {"state", "deleted"}}, std::uint64_t{s.index_deleted});
    text.sample({{"collection", s.name}, {"state", "buffered"}}, std::uint64_t{s.index_buffered});
  }
  gauge("clipdex_collection_segments", "Sealed segments of the index.", [](const auto& s) { return s.index_segments; });
  gauge("clipdex_collection_memory_bytes", "Memory of the index.", [](const auto& s) { return s.index_memory_bytes; });
  gauge("clipdex_collection_disk_bytes", "The collection's files.", [](const auto& s) { return s.disk_bytes; });
  text.family("clipdex_collections_unusable", "gauge", "Collections that are there and could not be opened.");
  text.sample({}, std::uint64_t{engine.unusable_collections().size()});
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void write_process(PrometheusText& text, const ServerState& server, const engine::ModelInfo& model) {
  text.family("process_start_time_seconds", "gauge", "When the server started, in seconds since 1970.");
  text.sample({}, std::chrono::duration<double>(server.started.time_since_epoch()).count());
  text.family("process_resident_memory_bytes", "gauge", "Resident memory of the process.");
  text.sample({}, resident_bytes());
  text.family("process_cpu_seconds_total", "counter", "Processor time of the process.");
  text.sample({}, cpu_seconds());
  text.family("clipdex_build_info", "gauge", "1, with the version and the model as labels.");
  text.sample({{"version", CLIPDEX_VERSION}, {"model", model.name}, {"fingerprint", model.fingerprint}}, std::uint64_t{1});
}

}  // namespace

void get_metrics(Call& call) {
  call.allow_parameters({});
  PrometheusText text;
  write_requests(text, call.server.requests);
  write_connections(text, call.server);
  write_engine(text, call.engine.metrics());
  write_collections(text, call.engine);
  write_process(text, call.server, call.engine.encoder().info());
  call.response.status = 200;
  call.response.set_content(text.take(), PrometheusText::kMediaType);
}

}  // namespace clipdex::http
