#include "index/sharded_accelerator.h"

#include <algorithm>
#include <future>
#include <numeric>
#include <utility>

namespace clipdex::index {
namespace {

struct Shard {
  std::shared_ptr<Accelerator> device;
  std::shared_ptr<const DeviceVectors> vectors;
  std::size_t begin = 0;  // position of its first vector among all
};

// Of at least one shard.
class ShardedVectors : public DeviceVectors {
 public:
  explicit ShardedVectors(std::vector<Shard> shards, std::size_t dimension) : shards_(std::move(shards)), dimension_(dimension) {}

  const std::vector<Shard>& shards() const { return shards_; }
  std::size_t dimension() const { return dimension_; }

  std::size_t bytes() const override {
    return std::accumulate(shards_.begin(), shards_.end(), std::size_t{0},
                           [](std::size_t sum, const Shard& shard) { return sum + shard.vectors->bytes(); });
  }
  bool usable() const override {
    return std::all_of(shards_.begin(), shards_.end(), [](const Shard& shard) { return shard.vectors->usable(); });
  }
  std::optional<float> score_error() const override {
    float most = 0;
    for (const auto& shard : shards_) {
      const auto error = shard.vectors->score_error();
      if (!error) return std::nullopt;
      most = std::max(most, *error);
    }
    return most;
  }
  std::size_t k_max() const override {
    std::size_t least = shards_.front().vectors->k_max();
    for (const auto& shard : shards_) least = std::min(least, shard.vectors->k_max());
    return least;
  }
  std::size_t candidates(std::size_t limit) const override {
    std::size_t most = 0;
    for (const auto& shard : shards_) most = std::max(most, shard.vectors->candidates(limit));
    return most;
  }

  void search(std::span<const float> queries, std::size_t n, std::size_t k, float* scores, std::int64_t* positions) const override {
    search_all(&DeviceVectors::search, queries, n, k, scores, positions);
  }
  void search_approximately(std::span<const float> queries, std::size_t n, std::size_t k, float* scores,
                            std::int64_t* positions) const override {
    search_all(&DeviceVectors::search_approximately, queries, n, k, scores, positions);
  }

 private:
  using Search = void (DeviceVectors::*)(std::span<const float>, std::size_t, std::size_t, float*, std::int64_t*) const;
  struct Found {
    std::vector<float> scores;
    std::vector<std::int64_t> positions;
  };

  // The calling thread asks the first shard, one thread each of the others.
  void search_all(Search ask_shard, std::span<const float> queries, std::size_t n, std::size_t k, float* scores,
                  std::int64_t* positions) const {
    std::vector<Found> found(shards_.size());
    for (auto& one : found) one = {std::vector<float>(n * k), std::vector<std::int64_t>(n * k)};
    const auto ask = [&](std::size_t i) {
      ((*shards_[i].vectors).*ask_shard)(queries, n, k, found[i].scores.data(), found[i].positions.data());
    };
    {
      std::vector<std::future<void>> others;
      for (std::size_t i = 1; i < shards_.size(); ++i) others.push_back(std::async(std::launch::async, ask, i));
      ask(0);
      for (auto& other : others) other.get();
    }  // whatever was thrown, all have ended
    for (std::size_t query = 0; query < n; ++query) merge(found, query, k, scores + query * k, positions + query * k);
  }

  void merge(const std::vector<Found>& found, std::size_t query, std::size_t k, float* scores, std::int64_t* positions) const {
    std::vector<std::pair<float, std::int64_t>> all;
    for (std::size_t shard = 0; shard < found.size(); ++shard) {
      for (std::size_t i = query * k; i < (query + 1) * k; ++i) {
        if (found[shard].positions[i] < 0) continue;
        all.emplace_back(found[shard].scores[i], found[shard].positions[i] + static_cast<std::int64_t>(shards_[shard].begin));
      }
    }
    const std::size_t count = std::min(k, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count), all.end(),
                      [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
    for (std::size_t i = 0; i < k; ++i) {
      scores[i] = i < count ? all[i].first : 0;
      positions[i] = i < count ? all[i].second : -1;
    }
  }

  std::vector<Shard> shards_;
  std::size_t dimension_;
};

std::size_t room_of(const Accelerator& device) { return device.usable() ? device.bytes_free() : 0; }

}  // namespace

bool ShardedAccelerator::usable() const {
  return std::any_of(devices_.begin(), devices_.end(), [](const auto& device) { return device->usable(); });
}

std::size_t ShardedAccelerator::bytes_free() const {
  std::size_t sum = 0;
  for (const auto& device : devices_) sum += room_of(*device);
  return sum;
}

std::vector<std::size_t> ShardedAccelerator::shares(std::size_t n, std::size_t dimension) const {
  std::vector<std::size_t> rooms;
  rooms.reserve(devices_.size());
  for (const auto& device : devices_) rooms.push_back(room_of(*device) / std::max<std::size_t>(1, device->bytes_for(1, dimension)));
  const std::size_t room = std::accumulate(rooms.begin(), rooms.end(), std::size_t{0});
  if (n > room) return {};
  std::vector<std::size_t> taken;
  std::size_t left = n;
  for (const auto one : rooms) {
    const auto share = static_cast<double>(one) / static_cast<double>(room) * static_cast<double>(n);
    taken.push_back(std::min({static_cast<std::size_t>(share), one, left}));
    left -= taken.back();
  }
  // What rounding left over.
  for (std::size_t i = 0; i < rooms.size() && left > 0; ++i) {
    const std::size_t more = std::min(left, rooms[i] - taken[i]);
    taken[i] += more;
    left -= more;
  }
  return taken;
}

std::shared_ptr<const DeviceVectors> ShardedAccelerator::hold(std::size_t n, std::size_t dimension,
                                                              const std::function<const float*(std::size_t)>& vector,
                                                              const std::stop_token& stop) {
  if (n == 0) return nullptr;
  const auto taken = shares(n, dimension);
  std::vector<Shard> shards;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (taken[i] == 0) continue;
    const auto part = [&vector, begin](std::size_t at) { return vector(begin + at); };
    auto vectors = devices_[i]->hold(taken[i], dimension, part, stop);
    if (!vectors) return nullptr;
    shards.push_back({devices_[i], std::move(vectors), begin});
    begin += taken[i];
  }
  if (shards.empty()) return nullptr;
  return std::make_shared<const ShardedVectors>(std::move(shards), dimension);
}

void ShardedAccelerator::wait_for_released() {
  for (const auto& device : devices_) device->wait_for_released();
}

// One that compares all vectors takes as long as no graph at all.
bool ShardedAccelerator::wants_graph(const DeviceVectors& vectors) const {
  const auto* sharded = dynamic_cast<const ShardedVectors*>(&vectors);
  return sharded != nullptr && std::all_of(sharded->shards().begin(), sharded->shards().end(),
                                           [](const Shard& shard) { return shard.device->wants_graph(*shard.vectors); });
}

std::shared_ptr<const DeviceVectors> ShardedAccelerator::with_graph(std::shared_ptr<const DeviceVectors> vectors,
                                                                    const std::stop_token& stop) {
  const auto sharded = std::dynamic_pointer_cast<const ShardedVectors>(vectors);
  if (!sharded) return vectors;
  auto shards = sharded->shards();
  std::vector<Shard*> smallest_first;
  smallest_first.reserve(shards.size());
  for (auto& shard : shards) smallest_first.push_back(&shard);
  std::sort(smallest_first.begin(), smallest_first.end(),
            [](const Shard* a, const Shard* b) { return a->vectors->bytes() < b->vectors->bytes(); });
  for (auto* shard : smallest_first) {
    auto with = shard->device->with_graph(shard->vectors, stop);
    // All or none, as wants_graph() says; the smallest is refused first.
    if (with == shard->vectors) return vectors;
    shard->vectors = std::move(with);
  }
  return std::make_shared<const ShardedVectors>(std::move(shards), sharded->dimension());
}

Accelerator& ShardedAccelerator::roomiest() const {
  return **std::max_element(devices_.begin(), devices_.end(), [](const auto& a, const auto& b) { return room_of(*a) < room_of(*b); });
}

std::optional<std::size_t> ShardedAccelerator::bytes_for_lists(const QuantizedLists& lists) const {
  return roomiest().bytes_for_lists(lists);
}

std::shared_ptr<const DeviceVectors> ShardedAccelerator::hold_lists(const QuantizedLists& lists, const std::stop_token& stop) {
  return roomiest().hold_lists(lists, stop);
}

}  // namespace clipdex::index
