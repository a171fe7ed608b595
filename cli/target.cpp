#include "cli/target.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <stdexcept>

#include "cli/arguments.h"
#include "cli/model_location.h"
#include "cli/picture.h"
#include "engine/engine.h"
#include "http/client.h"

namespace clipdex::cli {
namespace {

constexpr const char* kDefaultServer = "http://127.0.0.1:8080";

std::runtime_error missing_collection(const std::string& name) {
  return std::runtime_error("there is no collection \"" + name +
                            "\": \"clipdex ingest\" makes it, and \"clipdex collection list\" shows which there are");
}

class ServerTarget : public Target {
 public:
  explicit ServerTarget(const std::string& url) : client_(url) {}

  void ensure_collection(const std::string& name) override {
    if (!client_.collection(name)) client_.create_collection(name, {});
  }
  void create_collection(const std::string& name, const engine::CollectionSettings& settings) override {
    client_.create_collection(name, settings);
  }
  bool drop_collection(const std::string& name) override { return client_.drop_collection(name); }
  std::vector<engine::CollectionStatistics> collections() override { return client_.collections(); }
  std::optional<engine::CollectionStatistics> collection(const std::string& name) override { return client_.collection(name); }
  std::vector<engine::IngestResult> ingest(const std::string& collection, std::span<const engine::IngestItem> items) override {
    return in(collection, [&] { return client_.ingest(collection, items); });
  }
  std::vector<bool> known(const std::string& collection, std::span<const engine::ImageVersion> versions) override {
    return in(collection, [&] { return client_.known(collection, versions); });
  }
  engine::SearchResult search(const std::string& collection, const engine::SearchRequest& request) override {
    return in(collection, [&] { return client_.search(collection, request); });
  }
  engine::ImagePage list(const std::string& collection, std::string_view after_id, std::size_t limit) override {
    return in(collection, [&] { return client_.list(collection, after_id, limit); });
  }
  std::optional<std::string> content(const std::string& collection, const std::string& id, engine::ContentSize size) override {
    return in(collection, [&] { return client_.content(collection, id, size); });
  }
  bool remove(const std::string& collection, const std::string& id) override {
    return in(collection, [&] { return client_.remove(collection, id); });
  }
  std::vector<engine::UnusableCollection> unusable_collections() override { return client_.unusable_collections(); }
  std::size_t ingest_bytes_max() override {
    // Pictures travel in base64, four bytes for three; the rest is for the JSON around them.
    const std::size_t body = client_.body_bytes_max();
    return (body - body / 32) / 4 * 3;
  }
  engine::NamedSnapshot create_snapshot(const std::string& name) override { return client_.create_snapshot(name); }
  void for_each_image(const std::string& /*collection*/,
                      const std::function<void(const engine::ImageRecord&, std::span<const float>)>& /*visit*/) override {
    throw std::invalid_argument(
        "embeddings are exported from a data directory and not from a server: name it with --data; while its server runs, restore a "
        "snapshot elsewhere and export that");
  }

 private:
  // The server's remedy is one for programs.
  template <typename Call>
  static auto in(const std::string& collection, const Call& call) -> decltype(call()) {
    try {
      return call();
    } catch (const http::ClientError& error) {
      if (error.code() == "collection_not_found") throw missing_collection(collection);
      throw;
    }
  }

  http::Client client_;
};

class LocalTarget : public Target {
 public:
  explicit LocalTarget(const engine::EngineOptions& options) : engine_(options) {}

  void ensure_collection(const std::string& name) override {
    if (!engine_.collection(name)) engine_.create_collection(name, {});
  }
  void create_collection(const std::string& name, const engine::CollectionSettings& settings) override {
    engine_.create_collection(name, settings);
  }
  bool drop_collection(const std::string& name) override { return engine_.drop_collection(name); }
  std::vector<engine::CollectionStatistics> collections() override {
    std::vector<engine::CollectionStatistics> all;
    for (const auto& collection : engine_.collections()) all.push_back(collection->statistics());
    return all;
  }
  std::optional<engine::CollectionStatistics> collection(const std::string& name) override {
    const auto found = engine_.collection(name);
    if (!found) return std::nullopt;
    return found->statistics();
  }
  std::vector<engine::IngestResult> ingest(const std::string& collection, std::span<const engine::IngestItem> items) override {
    return required(collection).ingest(items);
  }
  std::vector<bool> known(const std::string& collection, std::span<const engine::ImageVersion> versions) override {
    return engine::known_images(required(collection), versions);
  }
  bool finish_index(const std::string& collection, const std::function<bool()>& give_up) override {
    return required(collection).finish_upkeep(give_up);
  }
  engine::SearchResult search(const std::string& collection, const engine::SearchRequest& request) override {
    return required(collection).search(request);
  }
  engine::ImagePage list(const std::string& collection, std::string_view after_id, std::size_t limit) override {
    return required(collection).list(after_id, limit);
  }
  std::optional<std::string> content(const std::string& collection, const std::string& id, engine::ContentSize size) override {
    return required(collection).content(id, size);
  }
  bool remove(const std::string& collection, const std::string& id) override { return required(collection).remove(id); }
  std::vector<engine::UnusableCollection> unusable_collections() override { return engine_.unusable_collections(); }
  std::size_t ingest_bytes_max() override { return std::size_t{128} << 20; }
  engine::NamedSnapshot create_snapshot(const std::string& name) override { return engine_.create_named_snapshot(name); }
  void for_each_image(const std::string& collection,
                      const std::function<void(const engine::ImageRecord&, std::span<const float>)>& visit) override {
    required(collection).for_each_image(visit);
  }

 private:
  engine::Collection& required(const std::string& name) {
    const auto found = engine_.collection(name);
    if (!found) throw missing_collection(name);
    return *found;  // the engine holds it; this process drops nothing while it uses it
  }

  engine::Engine engine_;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

void add_target_options(CLI::App& command, TargetOptions& options, bool with_collection) {
  command
      .add_option("--server", options.server,
                  "Address of a running clipdex (default: CLIPDEX_SERVER, else " + std::string(kDefaultServer) + ")")
      ->check(check_address);
  command.add_option("--data", options.data, "Data directory of this machine, instead of a server (default: CLIPDEX_DATA)")
      ->check(check_not_empty);
  command
      .add_option("--model", options.model,
                  "With --data: the model's directory or checkpoint (default: CLIPDEX_MODEL, else the built-in model)")
      ->check(check_not_empty);
  add_device_options(command, options.device, "With --data: ");
  add_gpu_decode(command, options.device, "With --data: ");
  if (with_collection) command.add_option("-c,--collection", options.collection, "Collection")->check(check_text)->capture_default_str();
}

void add_exact_decode_option(CLI::App& command, TargetOptions& options) {
  command.add_flag("--exact-decode", options.exact_decode, std::string("With --data: ") + kExactDecodeHelp);
}

Place place_of(const TargetOptions& options) {
  Place place{.server = options.server, .data = options.data};
  if (!place.server.empty() && !place.data.empty()) throw std::invalid_argument("--server and --data exclude each other: name one of them");
  if (!place.server.empty() || !place.data.empty()) return place;
  place = {.server = environment("CLIPDEX_SERVER"), .data = environment("CLIPDEX_DATA")};
  if (const auto wrong = check_address(place.server); !place.server.empty() && !wrong.empty())
    throw std::invalid_argument("CLIPDEX_SERVER: " + wrong);
  if (!place.server.empty() && !place.data.empty())
    throw std::invalid_argument("CLIPDEX_SERVER and CLIPDEX_DATA are both set: unset one of them, or name --server or --data");
  if (place.server.empty() && place.data.empty()) place.server = kDefaultServer;
  return place;
}

std::unique_ptr<Target> open_target(const TargetOptions& options, DataDirectory data_directory) {
  const auto place = place_of(options);
  if (!place.data.empty()) {
    if (data_directory == DataDirectory::kRequired && !std::filesystem::exists(place.data)) {
      throw std::runtime_error("there is no data directory " + place.data +
                               ": name another one with --data; \"clipdex ingest\" and \"clipdex serve\" make it");
    }
    return std::make_unique<LocalTarget>(
        engine::EngineOptions{.data_directory = place.data,
                              .model = options.model.empty() ? default_model() : std::filesystem::path(options.model),
                              .encoder = options.device.encoder(),
                              .exact_decode = options.exact_decode,
                              // For the short life of a command nothing is copied to a GPU.
                              .index = {.gpu_memory_max = 0}});
  }
  if (!options.model.empty()) throw std::invalid_argument("--model goes with --data: a server has its model already");
  // CLIPDEX_DEVICE may be set for another command.
  if (!options.device.precision.empty())
    throw std::invalid_argument("--precision goes with --data: a server has its own (serve --precision)");
  if (options.device.gpu_decode) throw std::invalid_argument("--gpu-decode goes with --data: a server has its own (serve --gpu-decode)");
  if (options.exact_decode) throw std::invalid_argument("--exact-decode goes with --data: a server has its own (serve --exact-decode)");
  return std::make_unique<ServerTarget>(place.server);
}

}  // namespace clipdex::cli
