// Searches through copies on several devices: parts of a segment on each, or all of it on each.
#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <future>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

#include "index/device_spread.h"
#include "index/scan_queue.h"
#include "tests/index/index_pair.h"
#include "tests/index/rounding_device.h"

using namespace clipdex::index;
using namespace clipdex::tests;

namespace {

struct Devices {
  std::shared_ptr<Accelerator> spread(DeviceSpread how) {
    return spread_over({std::make_shared<RoundingDevice>(logs[0]), std::make_shared<RoundingDevice>(logs[1])}, how);
  }
  std::array<DeviceLog, 2> logs;
};

// Lets callers go on when two are here, or after some time.
class Meeting {
 public:
  void come() {
    std::unique_lock lock(mutex_);
    if (++here_ >= 2) met_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::seconds(5), [this] { return met_.load(); });
    --here_;
  }
  bool met() const { return met_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t here_ = 0;
  std::atomic<bool> met_ = false;
};

}  // namespace

TEST_CASE("shards give the exact scan's hits, and hold more than one device has room for") {
  Devices devices;
  devices.logs[0].bytes_max = kPairBytes * 2 / 3;
  devices.logs[1].bytes_max = kPairBytes / 2;
  IndexPair pair(devices.spread(DeviceSpread::kShards));
  CHECK(pair.device_bytes() == kPairBytes);
  CHECK(devices.logs[0].bytes > devices.logs[1].bytes);
  for (const std::size_t limit : {1, 10, 300, 3000}) {
    INFO("limit " << limit);
    CHECK(pair.differences(limit) == 0);
  }
  CHECK(devices.logs[0].searches > 0);
  CHECK(devices.logs[1].searches > 0);
  pair.remove(10, 400);
  CHECK(pair.differences(10) == 0);
  pair.remove(10'000, 13'000);
  pair.upkeep();
  CHECK(pair.device_bytes() == (kPairRows - 3'390) * kPairDimension * 2);
  CHECK(pair.differences(10) == 0);
}

TEST_CASE("when the device of a shard fails the CPU answers, and the others take over what it had") {
  Devices devices;
  IndexPair pair(devices.spread(DeviceSpread::kShards));
  REQUIRE(devices.logs[1].bytes > 0);
  devices.logs[1].broken = true;
  const auto before = devices.logs[0].searches.load();
  CHECK(pair.differences(10) == 0);
  CHECK(devices.logs[0].searches == before);
  pair.upkeep();
  CHECK(devices.logs[0].bytes == kPairBytes);
  CHECK(pair.differences(10) == 0);
  CHECK(devices.logs[0].searches > before);
  devices.logs[0].broken = true;
  pair.upkeep();
  CHECK(pair.device_bytes() == 0);
  CHECK(pair.differences(10) == 0);
}

TEST_CASE("a shard that cannot be searched now costs no answer") {
  Devices devices;
  IndexPair pair(devices.spread(DeviceSpread::kShards));
  devices.logs[1].busy = true;
  CHECK(pair.differences(10) == 0);
  CHECK(devices.logs[0].searches > 0);
}

TEST_CASE("replicas give the exact scan's hits, each from all vectors") {
  Devices devices;
  IndexPair pair(devices.spread(DeviceSpread::kReplicas));
  CHECK(devices.logs[0].bytes == kPairBytes);
  CHECK(devices.logs[1].bytes == kPairBytes);
  CHECK(pair.device_bytes() == 2 * kPairBytes);
  CHECK(pair.differences(10) == 0);
  pair.remove(10, 2'000);
  CHECK(pair.differences(10) == 0);
  pair.upkeep();
  CHECK(devices.logs[1].bytes == (kPairRows - 1'990) * kPairDimension * 2);
  CHECK(pair.differences(10) == 0);
}

TEST_CASE("there are replicas on all devices that work, or none") {
  Devices devices;
  devices.logs[1].bytes_max = kPairBytes / 2;
  IndexPair pair(devices.spread(DeviceSpread::kReplicas));
  CHECK(pair.device_bytes() == 0);
  devices.logs[1].broken = true;
  pair.upkeep();
  CHECK(pair.device_bytes() == kPairBytes);
  CHECK(pair.differences(10) == 0);
}

TEST_CASE("another replica answers for one whose device is busy or has failed") {
  Devices devices;
  IndexPair pair(devices.spread(DeviceSpread::kReplicas));
  for (auto* trouble : {&devices.logs[0].busy, &devices.logs[0].broken}) {
    *trouble = true;
    const auto before = devices.logs[1].searches.load();
    CHECK(pair.differences(10) == 0);
    CHECK(devices.logs[1].searches > before);
    pair.upkeep();
    CHECK(pair.device_bytes() > 0);
  }
  devices.logs[1].broken = true;
  CHECK(pair.differences(10) == 0);
  pair.upkeep();
  CHECK(pair.device_bytes() == 0);
}

TEST_CASE("two callers search two replicas at the same time") {
  Devices devices;
  Meeting meeting;
  for (auto& log : devices.logs) log.during_search = [&] { meeting.come(); };
  const IndexPair pair(devices.spread(DeviceSpread::kReplicas));
  const auto search = [&] {
    SearchOptions options;
    options.limit = 10;
    return pair.with.snapshot()->search(std::span(pair.vectors).first(kPairDimension), 1, options).at(0).size();
  };
  // Callers of one moment share a pass: some come later.
  std::vector<std::future<std::size_t>> callers;
  for (int i = 0; i < 8; ++i) callers.push_back(std::async(std::launch::async, search));
  for (auto& caller : callers) CHECK(caller.get() == 10);
  CHECK(meeting.met());
  CHECK(devices.logs[0].searches > 0);
  CHECK(devices.logs[1].searches > 0);
}

TEST_CASE("a queue has as many passes under way as its callers allow") {
  for (const std::size_t at_once : {1, 2}) {
    ScanQueue queue;
    std::atomic<std::size_t> under_way = 0, most = 0;
    const auto pass = [&](std::span<const float>, std::size_t n, const SearchOptions&, std::vector<std::vector<Hit>>& hits) {
      const auto now = ++under_way;
      for (auto seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      for (std::size_t i = 0; i < n; ++i) hits[i].push_back({.row = 7, .score = 1});
      --under_way;
    };
    std::vector<std::future<std::size_t>> callers;
    for (int i = 0; i < 16; ++i) {
      callers.push_back(std::async(std::launch::async, [&] {
        const std::vector<float> query(4);
        std::vector<std::vector<Hit>> hits(1);
        for (int again = 0; again < 5; ++again) queue.run(query, 1, {}, hits, pass, at_once);
        return hits[0].size();
      }));
    }
    for (auto& caller : callers) CHECK(caller.get() == 5);
    CHECK(most == at_once);
  }
}

TEST_CASE("what is spread over one device is that device, and over none there is nothing") {
  DeviceLog log;
  const auto device = std::make_shared<RoundingDevice>(log);
  CHECK(spread_over({device}, DeviceSpread::kReplicas) == device);
  CHECK_THROWS_AS(spread_over({}, DeviceSpread::kShards), std::invalid_argument);
}
