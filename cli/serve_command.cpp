#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/device_options.h"
#include "cli/model_location.h"
#include "cli/picture.h"
#include "cli/stop_signal.h"
#include "engine/engine.h"
#include "http/log.h"
#include "http/server.h"

namespace clipdex::cli {
namespace {

struct ServeOptions {
  std::string data = "clipdex-data", model, log_level = "info";
  http::ServerOptions server;
  engine::ImageLimits limits;
  int encoder_threads = 0;
  DeviceOptions device;
  bool exact_decode = false;
  int idle_seconds = 30, silence_seconds = 10, head_seconds = 30, body_seconds = 300;
  std::string log_format = "text";
  std::size_t query_cache = std::size_t{64} << 20;
  engine::IndexTuning index;
  std::string gpu_spread = "shards";
};

constexpr std::size_t kBodyMax = std::size_t{1} << 30;

constexpr std::size_t kPixelsMax = 10'000'000'000;

// Less than this and not even a small picture fits.
std::string check_body_limit(const std::string& bytes) {
  constexpr std::size_t kLeast = std::size_t{1} << 10;
  const auto size = std::stoull(bytes);
  return size < kLeast ? "it is less than 1KiB" : size > kBodyMax ? "it is more than 1GiB" : "";
}

void say(const std::string& text) { std::fprintf(stderr, "clipdex: %s\n", text.c_str()); }

void introduce(const engine::Engine& engine, const ServeOptions& options, double seconds) {
  const auto& model = engine.encoder().info();
  char line[256];
  const auto& encoder = engine.encoder();
  std::snprintf(line, sizeof line, "model %s (%s, %.1f M parameters, %zu dimensions) on %s in %s", model.name.c_str(),
                model.architecture.c_str(), static_cast<double>(model.parameters) / 1e6, encoder.dimension(),
                engine::name_of(encoder.device()).c_str(), std::string(engine::name_of(encoder.precision())).c_str());
  say(line);
  const auto collections = engine.collections();
  say("data directory " + options.data + ", " + std::to_string(collections.size()) +
      (collections.size() == 1 ? " collection" : " collections"));
  for (const auto& collection : collections)
    say("  " + collection->name() + ": " + std::to_string(collection->statistics().images) + " images");
  for (const auto& bad : engine.unusable_collections()) say("  " + bad.name + " cannot be used: " + bad.reason);
  std::snprintf(line, sizeof line, "ready in %.1f s", seconds);
  say(line);
}

// Connections and the stores' files are many more than the usual soft limit allows. The number of connections that the hard limit
// leaves room for.
std::size_t raise_descriptor_limit(std::size_t connections) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const auto possible = std::max<std::size_t>(limit.rlim_max / 2, 1);  // the other half is for files
  if (possible >= connections) return connections;
  say("the system allows " + std::to_string(limit.rlim_max) + " open files: at most " + std::to_string(possible) +
      " connections are taken (ulimit -n raises it)");
  return possible;
}

int serve(ServeOptions options) {
  const auto start = std::chrono::steady_clock::now();
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  options.server.idle_timeout = std::chrono::seconds(options.idle_seconds);
  options.server.silence_timeout = std::chrono::seconds(options.silence_seconds);
  options.server.head_timeout = std::chrono::seconds(options.head_seconds);
  options.server.body_timeout = std::chrono::seconds(options.body_seconds);
  options.server.log_format = options.log_format == "json" ? http::LogFormat::kJson : http::LogFormat::kText;
  http::set_log_format(options.server.log_format);
  options.index.gpu_replicas = options.gpu_spread == "replicas";
  options.limits.bytes_max = options.server.body_bytes_max;
  options.server.connections_max = raise_descriptor_limit(options.server.connections_max);
  const StopSignal stop;
  http::Server server(options.server);
  engine::Engine engine({.data_directory = options.data,
                         .model = options.model.empty() ? default_model() : std::filesystem::path(options.model),
                         .limits = options.limits,
                         .encoder = options.device.encoder(options.encoder_threads),
                         .exact_decode = options.exact_decode,
                         .query_cache_bytes = options.query_cache,
                         .index = options.index});
  introduce(engine, options, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  say("open " + server.url() + " in a browser; Ctrl-C ends");
  {
    std::jthread waiter([&] {
      stop.wait();
      server.stop();
    });
    // However run() ends, the waiter is not to be waited for in vain.
    const std::unique_ptr<const StopSignal, void (*)(const StopSignal*)> wake(&stop, [](const StopSignal* signal) { signal->release(); });
    server.run(engine);
  }
  if (stop.requested()) say("stopped: requests under way were answered");
  return stop.requested() ? kSuccess : kFailure;
}

void add_gpu_index_options(CLI::App& command, ServeOptions& options) {
  command
      .add_option("--gpu-index-memory", options.index.gpu_memory_max,
                  "A GPU's memory for vectors, such as 16GiB; 0: searches use the CPU (default: half of what is free)")
      ->transform(CLI::AsSizeValue(false));
  command
      .add_option("--gpu-index-devices", options.index.gpu_devices,
                  "Numbers of the GPUs that search, such as 0,1 (default: the model's); each has --gpu-index-memory for it")
      ->delimiter(',')
      ->check(CLI::Range(0, 1023));
  command
      .add_option(
          "--gpu-index-spread", options.gpu_spread,
          "Of several GPUs each has a part of the vectors (shards, room for more) or all of them (replicas, more searches a second)")
      ->check(CLI::IsMember({"shards", "replicas"}))
      ->capture_default_str();
  command.add_flag("!--gpu-index-fp32", options.index.gpu_half, "Vectors in fp32 on the GPU: twice the memory; fp16 finds the same");
  command.add_flag("--gpu-index-graph", options.index.gpu_graph,
                   "Graphs on the GPU over 500,000 vectors and more, for searches that are not exact; needs a FAISS with cuVS");
}

}  // namespace

void add_serve_command(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("serve", "Serve the REST interface and the page");
  auto options = std::make_shared<ServeOptions>();
  command->add_option("--data", options->data, "Data directory; made if it is missing")
      ->envname("CLIPDEX_DATA")
      ->check(check_not_empty)
      ->capture_default_str();
  command->add_option("--model", options->model,
                      "Model directory, Hugging Face or open_clip (default: CLIPDEX_MODEL, else the built-in model)");
  command->add_option("--host", options->server.host, "Address to listen on")->check(check_not_empty)->capture_default_str();
  command->add_option("--port", options->server.port, "Port to listen on; 0: any free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--max-body", options->server.body_bytes_max, "Largest request body, such as 64MiB")
      ->transform(CLI::AsSizeValue(false))
      ->check(check_body_limit, "1KiB to 1GiB")
      ->capture_default_str();
  command->add_option("--max-pixels", options->limits.pixels_max, "Largest picture in pixels")
      ->check(CLI::Range(std::size_t{1}, kPixelsMax))
      ->capture_default_str();
  command->add_option("--connections", options->server.connections_max, "Connections that may be open at once")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}))
      ->capture_default_str();
  command->add_option("--max-bodies-in-memory", options->server.bodies_bytes_max, "Request bodies in memory at once, such as 1GiB")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  command->add_option("--max-side", options->limits.side_max, "Largest width and height of a picture")
      ->check(CLI::Range(1, 65'535))
      ->capture_default_str();
  command->add_option("--max-json-depth", options->server.json_depth_max, "Deepest nesting of a request's JSON")
      ->check(CLI::Range(std::size_t{8}, std::size_t{1000}))
      ->capture_default_str();
  command->add_option("--request-timeout", options->silence_seconds, "Seconds of silence within a request until it is given up")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command->add_option("--head-timeout", options->head_seconds, "Seconds for a request's line and headers")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  command->add_option("--body-timeout", options->body_seconds, "Seconds for a request's whole body, and for a whole answer")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  command->add_option("--idle-timeout", options->idle_seconds, "Seconds until an idle connection is closed")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  add_device_options(*command, options->device);
  add_gpu_decode(*command, options->device);
  command->add_option("--encoder-threads", options->encoder_threads, "Threads of the encoder (default: one a core)")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--query-cache", options->query_cache, "Memory for the embeddings of texts that were searched for lately, such as 64MiB")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  command
      ->add_option("--index-memory", options->index.memory_max,
                   "What the index of one collection may plan with, such as 8GiB (default: half of the machine's memory)")
      ->transform(CLI::AsSizeValue(false));
  command
      ->add_option("--index-threads", options->index.threads, "Threads that build indexes in the background (default: half of the cores)")
      ->check(CLI::Range(1, 1024));
  add_gpu_index_options(*command, *options);
  command->add_flag("--exact-decode", options->exact_decode, kExactDecodeHelp);
  command->add_option("--log-level", options->log_level, "trace, debug, info, warn, error or off; a request is one line at info")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  command->add_option("--log-format", options->log_format, "text, or json: one object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer("Examples:\n  clipdex serve\n  clipdex serve --data /srv/pictures --model ~/models/clip-vit-base-patch32 --port 9000");
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace clipdex::cli
