// Power cuts in the middle of random work on an index: whatever the disk has lost, the index and the storage's rows make a whole again.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <system_error>

#include "tests/index/power_cut_directory.h"
#include "tests/index/stored_rows.h"
#include "tests/temporary_directory.h"

namespace {

using namespace clipdex::tests;
using clipdex::index::IndexOptions;
using clipdex::index::IndexType;
using clipdex::index::OpenReport;
using clipdex::index::VectorIndex;

constexpr std::size_t kDimension = 8;

// The storage is synced with every operation, and loses nothing.
class PowerCuts {
 public:
  PowerCuts(unsigned seed, IndexType type)
      : disk_(directory_.path()),
        options_{.dimension = kDimension,
                 .type = type,
                 .directory = directory_.path(),
                 .fingerprint = "0123",
                 .seal_rows = 16,
                 .approximate_rows_min = 100},
        vectors_(seed, kDimension) {}

  void run(int cuts) {
    for (int cut = 0; cut < cuts; ++cut) {
      INFO("cut " << cut);
      recover();
      disk_.cut_power_after(below(120));
      while (!disk_.is_off()) one();
      index_.reset();
      for (const auto& name : disk_.restart(vectors_.random())) {
        INFO(name << " has its name, and not its contents");
        CHECK(name.ends_with(".tmp"));
      }
    }
    recover();
    maintain_all(*index_);
    stored_.checkpoint(*index_);
    check_exact(*index_, stored_, vectors_, nullptr, 1000);
    CHECK(file_names(*index_) == file_names(directory_.path()));
    CHECK(disk_.changes().syncs > 0);
    CHECK(disk_.changes().renamed > 0);
    CHECK(disk_.changes().removed > 0);
  }

 private:
  std::uint64_t below(std::uint64_t n) { return vectors_.random()() % n; }

  void recover() {
    OpenReport report;
    index_ = stored_.recover(options_, report);
    CHECK(report.problems.empty());
    CHECK(report.missing.empty());
    CHECK(report.newest_sequence <= stored_.sequence);
    check_exact(*index_, stored_, vectors_, nullptr, 1 + below(100));
  }

  void change() {
    std::vector<std::pair<std::uint64_t, Vector>> added;
    Rows removed;
    for (auto n = below(16); n > 0; --n) added.emplace_back(stored_.next_row + added.size(), vectors_.next());
    for (auto n = below(12); n > 0 && !stored_.live.empty(); --n)
      removed.push_back(std::next(stored_.live.begin(), static_cast<std::ptrdiff_t>(below(stored_.live.size())))->first);
    stored_.apply(*index_, added, removed);
  }

  void maintain() {
    try {
      index_->maintain();
    } catch (const std::system_error&) {
      if (!disk_.is_off()) throw;
    }
  }

  void checkpoint() {
    const auto checkpoint = index_->checkpoint();
    if (!checkpoint) return;
    stored_.manifest = checkpoint->manifest;
    // Between the two, and in the middle of the second.
    if (below(8) == 0) disk_.cut_power_after(below(4));
    index_->checkpointed(*checkpoint);
  }

  void one() {
    switch (below(12)) {
      case 0:
        return index_->seal();
      case 1:
        return checkpoint();
      case 2:
      case 3:
      case 4:
      case 5:
        return maintain();
      default:
        return change();
    }
  }

  TemporaryDirectory directory_;
  PowerCutDirectory disk_;
  IndexOptions options_;
  UnitVectors vectors_;
  StoredRows stored_;
  std::unique_ptr<VectorIndex> index_;
};

}  // namespace

TEST_CASE("power cuts at random steps lose nothing that a checkpoint names, and leave no file that is not whole") {
  const auto type = GENERATE(IndexType::kFlat, IndexType::kAuto);
  const auto seed = GENERATE(1U, 2U, 3U);
  INFO("seed " << seed << ", " << name_of(type));
  PowerCuts(seed, type).run(25);
}
