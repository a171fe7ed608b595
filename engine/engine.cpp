#include "engine/engine.h"

#include <spdlog/spdlog.h>

#include <map>
#include <mutex>
#include <utility>

#include "engine/collection_settings.h"
#include "engine/data_directory.h"
#include "engine/identifiers.h"

namespace clipdex::engine {

struct Engine::Impl {
  explicit Impl(const EngineOptions& options)
      // The lock first: it is quick, and loading a model for a directory that is in use would be in vain.
      : limits(options.limits), data(options.data_directory), encoder(std::make_shared<ClipEncoder>(options.model, options.encoder)) {
    for (const auto& name : data.collection_names()) {
      try {
        collections[name] = std::make_shared<Collection>(name, data.collection(name), encoder, limits);
      } catch (const std::exception& error) {
        spdlog::warn("the collection \"{}\" cannot be used: {}", name, error.what());
        unusable[name] = error.what();
      }
    }
  }

  ImageLimits limits;
  DataDirectory data;
  std::shared_ptr<const ClipEncoder> encoder;
  mutable std::mutex mutex;  // of what follows
  std::map<std::string, std::shared_ptr<Collection>, std::less<>> collections;
  std::map<std::string, std::string, std::less<>> unusable;  // name -> reason
};

Engine::Engine(const EngineOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Engine::~Engine() = default;

const ClipEncoder& Engine::encoder() const { return *impl_->encoder; }
const ImageLimits& Engine::limits() const { return impl_->limits; }

std::shared_ptr<Collection> Engine::collection(std::string_view name) const {
  const std::lock_guard lock(impl_->mutex);
  if (const auto bad = impl_->unusable.find(name); bad != impl_->unusable.end()) throw ConflictError(bad->second);
  const auto found = impl_->collections.find(name);
  return found == impl_->collections.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Collection>> Engine::collections() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::shared_ptr<Collection>> all;
  for (const auto& [name, collection] : impl_->collections) all.push_back(collection);
  return all;
}

std::vector<UnusableCollection> Engine::unusable_collections() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<UnusableCollection> all;
  for (const auto& [name, reason] : impl_->unusable) all.push_back({name, reason});
  return all;
}

std::pair<std::shared_ptr<Collection>, bool> Engine::create_collection(std::string_view name, const CollectionSettings& settings) {
  check_collection_name(name);
  check_settings(settings);
  const std::lock_guard lock(impl_->mutex);
  if (const auto bad = impl_->unusable.find(name); bad != impl_->unusable.end()) throw ConflictError(bad->second);
  if (const auto found = impl_->collections.find(name); found != impl_->collections.end()) {
    const auto existing = found->second->statistics().settings;
    if (encode_settings(existing) != encode_settings(settings)) {
      throw ConflictError("the collection \"" + std::string(name) + "\" exists with other settings (index " + existing.index_type + ", store " +
                          std::string(stored_content_name(existing.store)) + "): drop it first, or choose another name");
    }
    return {found->second, false};
  }
  const auto scratch = impl_->data.scratch();
  Collection::create(scratch, settings, *impl_->encoder);
  impl_->data.move(scratch, impl_->data.collection(name));
  auto collection = std::make_shared<Collection>(std::string(name), impl_->data.collection(name), impl_->encoder, impl_->limits);
  impl_->collections[std::string(name)] = collection;
  return {std::move(collection), true};
}

bool Engine::drop_collection(std::string_view name) {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->collections.find(name);
  const auto bad = impl_->unusable.find(name);
  if (found == impl_->collections.end() && bad == impl_->unusable.end()) return false;
  const auto scratch = impl_->data.scratch();
  impl_->data.move(impl_->data.collection(name), scratch);
  if (found != impl_->collections.end()) {
    found->second->remove_directory_when_done(scratch);
    impl_->collections.erase(found);
  } else {
    std::error_code ignored;
    std::filesystem::remove_all(scratch, ignored);
    impl_->unusable.erase(bad);
  }
  return true;
}

}  // namespace clipdex::engine
