#include "index/replicated_accelerator.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>

namespace clipdex::index {
namespace {

struct Replica {
  std::shared_ptr<Accelerator> device;
  std::shared_ptr<const DeviceVectors> vectors;
};

// Of at least one replica; all are alike.
class ReplicatedVectors : public DeviceVectors {
 public:
  explicit ReplicatedVectors(std::vector<Replica> replicas) : replicas_(std::move(replicas)), under_way_(replicas_.size()) {}

  const std::vector<Replica>& replicas() const { return replicas_; }

  std::size_t bytes() const override {
    std::size_t sum = 0;
    // As bytes_for() and bytes_free() of the accelerator, which count the devices that work.
    for (const auto& replica : replicas_) sum += replica.vectors->usable() ? replica.vectors->bytes() : 0;
    return sum;
  }
  bool usable() const override {
    return std::any_of(replicas_.begin(), replicas_.end(), [](const Replica& replica) { return replica.vectors->usable(); });
  }
  std::optional<float> score_error() const override { return replicas_.front().vectors->score_error(); }
  std::size_t k_max() const override { return replicas_.front().vectors->k_max(); }
  std::size_t candidates(std::size_t limit) const override { return replicas_.front().vectors->candidates(limit); }
  std::size_t searches_at_once() const override {
    std::size_t sum = 0;
    for (const auto& replica : replicas_) sum += replica.vectors->usable() ? replica.vectors->searches_at_once() : 0;
    return std::max<std::size_t>(1, sum);
  }

  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    search_one([&](const DeviceVectors& vectors) { vectors.search(queries, n, k, scores, positions); });
  }
  void search_approximately(std::span<const float> queries, std::size_t n, std::size_t k, float* scores,
                            std::int64_t* positions) const override {
    search_one([&](const DeviceVectors& vectors) { vectors.search_approximately(queries, n, k, scores, positions); });
  }

 private:
  template <typename Search>
  void search_one(const Search& search) const {
    std::vector<bool> tried(replicas_.size());
    while (true) {
      const std::size_t at = take_idlest(tried);
      tried[at] = true;
      // However the search ends, it is no longer under way then.
      const auto ended = [](std::atomic<std::size_t>* count) { --*count; };
      const std::unique_ptr<std::atomic<std::size_t>, decltype(ended)> under_way(&under_way_[at], ended);
      try {
        return search(*replicas_[at].vectors);
      } catch (const std::runtime_error&) {
        if (std::all_of(tried.begin(), tried.end(), [](bool one) { return one; })) throw;
      }
    }
  }

  // Of those not tried yet, one that works if there is such a one. It is counted as under way.
  std::size_t take_idlest(const std::vector<bool>& tried) const {
    std::size_t best = 0;
    auto least = std::numeric_limits<std::size_t>::max();
    for (std::size_t i = 0; i < replicas_.size(); ++i) {
      if (tried[i]) continue;
      const std::size_t load = replicas_[i].vectors->usable() ? under_way_[i].load() : std::numeric_limits<std::size_t>::max() - 1;
      if (load >= least) continue;
      least = load;
      best = i;
    }
    ++under_way_[best];
    return best;
  }

  std::vector<Replica> replicas_;
  mutable std::vector<std::atomic<std::size_t>> under_way_;
};

}  // namespace

std::size_t ReplicatedAccelerator::usable_devices() const {
  return static_cast<std::size_t>(std::count_if(devices_.begin(), devices_.end(), [](const auto& device) { return device->usable(); }));
}

std::size_t ReplicatedAccelerator::bytes_free() const {
  auto least = std::numeric_limits<std::size_t>::max();
  std::size_t usable = 0;
  for (const auto& device : devices_) {
    if (!device->usable()) continue;
    ++usable;
    least = std::min(least, device->bytes_free());
  }
  return usable == 0 ? 0 : least * usable;
}

std::size_t ReplicatedAccelerator::bytes_for(std::size_t n, std::size_t dimension) const {
  return devices_.front()->bytes_for(n, dimension) * std::max<std::size_t>(1, usable_devices());
}

std::optional<std::size_t> ReplicatedAccelerator::bytes_for_lists(const QuantizedLists& lists) const {
  const auto bytes = devices_.front()->bytes_for_lists(lists);
  if (!bytes) return std::nullopt;
  return *bytes * std::max<std::size_t>(1, usable_devices());
}

std::shared_ptr<const DeviceVectors> ReplicatedAccelerator::hold_on_each(
    const std::function<std::shared_ptr<const DeviceVectors>(Accelerator&)>& hold_on) const {
  std::vector<Replica> replicas;
  for (const auto& device : devices_) {
    if (!device->usable()) continue;
    auto vectors = hold_on(*device);
    if (!vectors && device->usable()) return nullptr;
    if (vectors) replicas.push_back({device, std::move(vectors)});
  }
  if (replicas.empty()) return nullptr;
  return std::make_shared<const ReplicatedVectors>(std::move(replicas));
}

std::shared_ptr<const DeviceVectors> ReplicatedAccelerator::hold(std::size_t n, std::size_t dimension,
                                                                 const std::function<const float*(std::size_t)>& vector,
                                                                 const std::stop_token& stop) {
  return hold_on_each([&](Accelerator& device) { return device.hold(n, dimension, vector, stop); });
}

std::shared_ptr<const DeviceVectors> ReplicatedAccelerator::hold_lists(const QuantizedLists& lists, const std::stop_token& stop) {
  return hold_on_each([&](Accelerator& device) { return device.hold_lists(lists, stop); });
}

void ReplicatedAccelerator::wait_for_released() {
  for (const auto& device : devices_) device->wait_for_released();
}

bool ReplicatedAccelerator::wants_graph(const DeviceVectors& vectors) const {
  const auto* replicated = dynamic_cast<const ReplicatedVectors*>(&vectors);
  return replicated != nullptr && std::any_of(replicated->replicas().begin(), replicated->replicas().end(),
                                              [](const Replica& replica) { return replica.device->wants_graph(*replica.vectors); });
}

std::shared_ptr<const DeviceVectors> ReplicatedAccelerator::with_graph(std::shared_ptr<const DeviceVectors> vectors,
                                                                       const std::stop_token& stop) {
  const auto replicated = std::dynamic_pointer_cast<const ReplicatedVectors>(vectors);
  if (!replicated) return vectors;
  auto replicas = replicated->replicas();
  bool graphs = false;
  for (auto& replica : replicas) {
    auto with = replica.device->with_graph(replica.vectors, stop);
    graphs = graphs || with != replica.vectors;
    replica.vectors = std::move(with);
  }
  if (!graphs) return vectors;
  return std::make_shared<const ReplicatedVectors>(std::move(replicas));
}

}  // namespace clipdex::index
