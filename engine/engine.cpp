#include "engine/engine.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "engine/classifier_cache.h"
#include "engine/collection_settings.h"
#include "engine/crash_point.h"
#include "engine/data_directory.h"
#include "engine/identifiers.h"
#include "engine/image_preparation.h"
#include "engine/query_encoder.h"
#include "index/accelerator.h"
#include "index/device_spread.h"

namespace clipdex::engine {

namespace {

std::shared_ptr<index::Accelerator> open_one(const ComputeDevice& device, const IndexTuning& tuning) {
  const auto name = name_of(device);
  try {
    return index::make_accelerator({.device = device.index,
                                    .bytes_max = tuning.gpu_memory_max,
                                    .half = tuning.gpu_half,
                                    .graph = tuning.gpu_graph,
                                    .on_failure = [name](const std::string& reason) {
                                      spdlog::error("{} failed: {}. Searches go on without it; start again to use it", name, reason);
                                    }});
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(name + ": " + error.what());
  }
}

// Of the GPU that the model is on, or of those that were named. nullptr: there is none, or their memory is not to be used.
std::shared_ptr<index::Accelerator> open_accelerator(const ComputeDevice& device, const IndexTuning& tuning) {
  if (device.kind != DeviceKind::kCuda || tuning.gpu_memory_max == 0) {
    if (tuning.gpu_graph) throw std::runtime_error("a graph on the GPU was asked for, and no GPU is used for searches");
    if (!tuning.gpu_devices.empty()) throw std::runtime_error("GPUs were named for searches, and no GPU is used for them");
    return nullptr;
  }
  auto numbers = tuning.gpu_devices.empty() ? std::vector<int>{device.index} : tuning.gpu_devices;
  std::sort(numbers.begin(), numbers.end());
  if (const auto twice = std::adjacent_find(numbers.begin(), numbers.end()); twice != numbers.end())
    throw std::invalid_argument("the GPU " + std::to_string(*twice) + " is named twice");
  std::vector<std::shared_ptr<index::Accelerator>> devices;
  devices.reserve(numbers.size());
  for (const int number : numbers) devices.push_back(open_one({.kind = DeviceKind::kCuda, .index = number}, tuning));
  return index::spread_over(std::move(devices), tuning.gpu_replicas ? index::DeviceSpread::kReplicas : index::DeviceSpread::kShards);
}

std::shared_ptr<const ClipEncoder> open_encoder(const EngineOptions& options) {
  auto encoder = options.encoder;
  if (options.exact_decode) encoder.device_decoding = false;  // it would never be asked
  if (!encoder.on_decoder_failure)
    encoder.on_decoder_failure = [](const std::string& reason) { spdlog::warn("the GPU decodes no JPEGs, the CPU does: {}", reason); };
  return std::make_shared<ClipEncoder>(options.model, encoder);
}

struct OpenCollection {
  std::shared_ptr<Collection> collection;
  std::shared_future<void> closed;  // ready when the last user has let go
};

}  // namespace

struct Engine::Impl {
  explicit Impl(const EngineOptions& options)
      // The lock first: it is quick, and loading a model for a directory that is in use would be in vain.
      : drop_wait(options.drop_wait),
        data(options.data_directory),
        encoder(open_encoder(options)),
        preparation(std::make_shared<ImagePreparation>(
            encoder, PreparationOptions{.limits = options.limits, .exact_decode = options.exact_decode}, metrics)),
        resources({.encoder = encoder,
                   .preparation = preparation,
                   .queries = std::make_shared<QueryEncoder>(encoder, options.query_cache_bytes, metrics),
                   .metrics = &metrics,
                   .building = std::make_shared<std::mutex>(),
                   .tuning = options.index,
                   .accelerator = open_accelerator(encoder->device(), options.index)}) {
    if (resources.tuning.threads <= 0) resources.tuning.threads = std::max(1, encoder->cores().cores() / 2);
    for (const auto& name : data.collection_names()) {
      try {
        open(name);
      } catch (const std::exception& error) {
        spdlog::warn("the collection \"{}\" cannot be used: {}", name, error.what());
      }
    }
  }

  // Opens what is in the directory; if it cannot, the name is an unusable collection from here on.
  std::shared_ptr<Collection> open(const std::string& name) {
    try {
      auto closed = std::make_shared<std::promise<void>>();
      OpenCollection opened{.closed = closed->get_future().share()};
      opened.collection = {new Collection(name, data.collection(name), resources), [closed](Collection* collection) {
                             delete collection;
                             closed->set_value();
                           }};
      const std::lock_guard lock(mutex);
      return collections.insert_or_assign(name, std::move(opened)).first->second.collection;
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex);
      unusable[name] = error.what();
      throw;
    }
  }

  // Under the mutex. nullptr if there is none, ConflictError if it cannot be used.
  std::shared_ptr<Collection> find(std::string_view name) const {
    if (const auto bad = unusable.find(name); bad != unusable.end()) throw ConflictError(bad->second);
    if (leaving && *leaving == name) throw ConflictError(leaving_reason());
    const auto found = collections.find(name);
    return found == collections.end() ? nullptr : found->second.collection;
  }

  // Ends with the attempt to drop a collection: it is gone, or there again.
  class LeavingName {
   public:
    explicit LeavingName(Impl& impl) : impl_(impl) {}
    ~LeavingName() {
      const std::lock_guard lock(impl_.mutex);
      impl_.leaving.reset();
    }
    LeavingName(const LeavingName&) = delete;
    LeavingName& operator=(const LeavingName&) = delete;

   private:
    Impl& impl_;
  };

  std::string leaving_reason() const { return "the collection \"" + *leaving + "\" is being dropped: try again later"; }

  // Takes the collection out of reach and waits until its files are closed: RocksDB knows them by their paths, so none may move, and no
  // other collection may get these paths, before that. False if there is none.
  bool close(const std::string& name) {
    OpenCollection closing;
    {
      const std::lock_guard lock(mutex);
      if (unusable.erase(name) > 0) return true;
      const auto found = collections.find(name);
      if (found == collections.end()) return false;
      closing = std::move(found->second);
      collections.erase(found);
      leaving = name;
    }
    const LeavingName forget(*this);
    const std::weak_ptr<Collection> last = closing.collection;
    closing.collection.reset();
    if (closing.closed.wait_for(drop_wait) == std::future_status::ready) return true;
    closing.collection = last.lock();
    if (closing.collection) {
      const std::lock_guard lock(mutex);
      collections[name] = std::move(closing);
      throw ConflictError("the collection \"" + name + "\" is busy: try again when the requests under way on it have ended");
    }
    closing.closed.wait();
    return true;
  }

  Metrics metrics;  // first: what the others count while they end
  std::chrono::milliseconds drop_wait;
  DataDirectory data;
  std::shared_ptr<const ClipEncoder> encoder;
  std::shared_ptr<const ImagePreparation> preparation;
  CollectionResources resources;
  ClassifierCache classifiers{std::size_t{64} << 20};
  mutable std::mutex mutex;  // of the next two; never held while a file is touched
  std::map<std::string, OpenCollection, std::less<>> collections;
  std::map<std::string, std::string, std::less<>> unusable;  // name -> reason
  std::optional<std::string> leaving;                        // the collection that is being dropped
  std::mutex changing;                                       // one creation or removal at a time
  std::mutex making_snapshot;                                // one at a time
};

Engine::Engine(const EngineOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Engine::~Engine() = default;

const ClipEncoder& Engine::encoder() const { return *impl_->encoder; }
Metrics& Engine::metrics() const { return impl_->metrics; }
const ImageLimits& Engine::limits() const { return impl_->preparation->limits(); }
std::vector<float> Engine::embed_image(const std::string& file) const {
  return impl_->preparation->embed(file, impl_->preparation->patience_end());
}

ClassificationResult Engine::classify(const std::string& file, const LabelSet& set, std::size_t top) const {
  using Clock = std::chrono::steady_clock;
  const auto milliseconds = [](Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); };
  check_label_set(set, kServedPromptsMax);
  const auto begin = Clock::now();
  const auto image = embed_image(file);  // first: a damaged picture costs no prompts
  const auto encoded = Clock::now();
  const auto classifier = impl_->classifiers.get(*impl_->encoder, set);
  const auto labelled = Clock::now();
  ClassificationResult result{.labels = classifier->classify(image, top)};
  result.encode_ms = milliseconds(encoded - begin);
  result.labels_ms = milliseconds(labelled - encoded);
  result.total_ms = milliseconds(Clock::now() - begin);
  return result;
}

std::shared_ptr<Collection> Engine::collection(std::string_view name) const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->find(name);
}

std::vector<std::shared_ptr<Collection>> Engine::collections() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::shared_ptr<Collection>> all;
  for (const auto& [name, open] : impl_->collections) all.push_back(open.collection);
  return all;
}

std::vector<UnusableCollection> Engine::unusable_collections() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<UnusableCollection> all;
  for (const auto& [name, reason] : impl_->unusable) all.push_back({name, reason});
  // It may be there again.
  if (impl_->leaving) all.push_back({*impl_->leaving, impl_->leaving_reason()});
  return all;
}

std::pair<std::shared_ptr<Collection>, bool> Engine::create_collection(std::string_view name, const CollectionSettings& settings) {
  check_collection_name(name);
  check_settings(settings);
  const std::lock_guard one_change(impl_->changing);
  if (auto existing = collection(name)) {
    const auto has = existing->statistics().settings;
    if (encode_settings(has) != encode_settings(settings)) {
      throw ConflictError("the collection \"" + std::string(name) + "\" exists with other settings (index " + has.index_type + ", store " +
                          std::string(stored_content_name(has.store)) + "): drop it first, or choose another name");
    }
    return {std::move(existing), false};
  }
  const auto scratch = impl_->data.scratch();
  try {
    Collection::create(scratch, settings, *impl_->encoder);
    crash_point("collection: made");
    impl_->data.move(scratch, impl_->data.collection(name));
    crash_point("collection: in place");
  } catch (...) {
    std::error_code ignored;  // what stays is removed at the next start
    std::filesystem::remove_all(scratch, ignored);
    throw;
  }
  return {impl_->open(std::string(name)), true};
}

SnapshotInfo Engine::create_snapshot(const std::filesystem::path& directory) {
  const std::lock_guard one_snapshot(impl_->making_snapshot);
  return make_snapshot(*this, directory);
}

NamedSnapshot Engine::create_named_snapshot(const std::string& name) {
  std::string chosen = name;
  if (chosen.empty()) {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char text[32];
    chosen.assign(text, std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &parts));
  }
  check_collection_name(chosen);
  const std::lock_guard one_snapshot(impl_->making_snapshot);
  const auto free_name = [&](const std::string& wanted) {
    std::string candidate = wanted;
    for (int i = 2; name.empty() && std::filesystem::exists(impl_->data.snapshots() / candidate); ++i)
      candidate = wanted + "-" + std::to_string(i);
    return candidate;
  };
  const auto path = impl_->data.snapshots() / free_name(chosen);
  return {.path = path, .info = make_snapshot(*this, path)};
}

std::vector<std::string> Engine::snapshots() const { return impl_->data.snapshot_names(); }

bool Engine::drop_snapshot(const std::string& name) {
  check_collection_name(name);
  const std::lock_guard one_change(impl_->changing);
  const auto path = impl_->data.snapshots() / name;
  if (!std::filesystem::exists(path)) return false;
  const auto scratch = impl_->data.scratch();
  impl_->data.move(path, scratch);
  std::error_code ignored;  // what stays is removed at the next start
  std::filesystem::remove_all(scratch, ignored);
  return true;
}

bool Engine::drop_collection(std::string_view name) {
  const std::string key(name);
  const std::lock_guard one_change(impl_->changing);
  if (!impl_->close(key)) return false;
  const auto scratch = impl_->data.scratch();
  try {
    impl_->data.move(impl_->data.collection(key), scratch);
    crash_point("collection: dropped");
  } catch (const std::exception& error) {
    const std::lock_guard lock(impl_->mutex);
    impl_->unusable[key] = "the collection \"" + key + "\" could not be dropped: " + error.what();
    throw;
  }
  std::error_code ignored;  // what stays is removed at the next start
  std::filesystem::remove_all(scratch, ignored);
  return true;
}

}  // namespace clipdex::engine
