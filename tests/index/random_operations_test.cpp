// Random operations on an index, compared with plain maps after each.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <fstream>

#include "tests/index/stored_rows.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using namespace clipdex::tests;
using clipdex::index::IndexOptions;
using clipdex::index::IndexType;
using clipdex::index::OpenReport;
using clipdex::index::RowSet;
using clipdex::index::RowSetBuilder;
using clipdex::index::VectorIndex;

constexpr std::size_t kDimension = 12;

class RandomOperations {
 public:
  RandomOperations(unsigned seed, IndexType type) : vectors_(seed, kDimension) {
    // Thresholds at which a few hundred rows have lists and are walked.
    options_ = {.dimension = kDimension,
                .type = type,
                .directory = directory_.path(),
                .fingerprint = "0123",
                .seal_rows = 32,
                .approximate_rows_min = 150,
                .scan_thresholds = {.ivf_rows_min = 150, .hnsw_walk_cost = 0}};
    index_ = stored_.recover(options_, report_);
  }

  void run(int operations) {
    for (int i = 0; i < operations; ++i) {
      one();
      if (i % 5 == 0) check();
    }
    check();
    while (index_->maintain()) {
    }
    stored_.checkpoint(*index_);
    CHECK(file_names(*index_) == file_names(directory_.path()));
    CHECK(recall(*index_, stored_, vectors_) >= 0.85);
    CHECK(reopened_ > 0);
    CHECK(damaged_ > 0);
  }

 private:
  std::uint64_t below(std::uint64_t n) { return vectors_.random()() % n; }

  void change() {
    std::vector<std::pair<std::uint64_t, Vector>> added;
    Rows removed;
    std::uint64_t row = stored_.next_row;
    for (auto n = below(14); n > 0; --n) {
      row += below(3);  // rows that never were added lie between
      added.emplace_back(row++, vectors_.next());
    }
    for (auto n = below(10); n > 0 && !stored_.live.empty(); --n) {
      removed.push_back(std::next(stored_.live.begin(), static_cast<std::ptrdiff_t>(below(stored_.live.size())))->first);
    }
    removed.push_back(1'000'000'000);  // one that is not there
    stored_.apply(*index_, added, removed);
  }

  // A long run of rows at once, as when a folder of pictures is deleted.
  void remove_many() {
    Rows removed;
    const auto first = below(stored_.next_row + 1);
    for (auto row = stored_.live.lower_bound(first); row != stored_.live.end() && removed.size() < 100; ++row)
      removed.push_back(row->first);
    stored_.apply(*index_, {}, removed);
  }

  void reopen(bool damage) {
    index_.reset();
    if (damage) {
      std::vector<fs::path> files;
      for (const auto& entry : fs::directory_iterator(directory_.path())) files.push_back(entry.path());
      if (!files.empty()) {
        const auto& file = files[below(files.size())];
        if (below(2) == 0) {
          fs::remove(file);
        } else {
          fs::resize_file(file, fs::file_size(file) / 2);
        }
        ++damaged_;
        whole_ = false;
      }
    }
    index_ = stored_.recover(options_, report_);
    if (whole_) CHECK(report_.problems.empty());
    CHECK(report_.newest_sequence <= stored_.sequence);
    ++reopened_;
  }

  void one() {
    switch (below(40)) {
      case 0:
        return index_->seal();
      case 1:
        return reopen(false);
      case 2:
        return reopen(true);
      case 3:
        return remove_many();
      case 4:
      case 5: {
        // It no longer names what was damaged.
        if (stored_.checkpoint(*index_)) whole_ = true;
        return;
      }
      case 6: {  // handed out, stored, and never confirmed
        if (const auto checkpoint = index_->checkpoint()) {
          stored_.manifest = checkpoint->manifest;
          whole_ = true;
        }
        return reopen(false);
      }
      case 7:
      case 8:
      case 9:
      case 10:
      case 11:
      case 12: {
        index_->maintain();
        return;
      }
      default:
        return change();
    }
  }

  void check() {
    check_exact(*index_, stored_, vectors_, nullptr, 1 + below(60));
    RowSetBuilder builder;
    const auto share = 1 + below(30);
    for (std::uint64_t row = 0; row < stored_.next_row; ++row) {
      if (below(share) == 0) builder.add(row);
    }
    const RowSet allowed = builder.build();
    check_exact(*index_, stored_, vectors_, &allowed);
    const auto hits = index_->snapshot()->search(vectors_.next(), 1, {.limit = 10, .allowed = &allowed}).at(0);
    for (const auto& hit : hits) REQUIRE((stored_.live.contains(hit.row) && allowed.contains(hit.row)));
  }

  TemporaryDirectory directory_;
  IndexOptions options_;
  UnitVectors vectors_;
  StoredRows stored_;
  OpenReport report_;
  std::unique_ptr<VectorIndex> index_;
  bool whole_ = true;  // no file that the manifest names was damaged
  int reopened_ = 0, damaged_ = 0;
};

}  // namespace

TEST_CASE("random operations, reopenings and losses leave an index equal to plain maps") {
  const auto type = GENERATE(IndexType::kFlat, IndexType::kAuto, IndexType::kIvfPq);
  const auto seed = GENERATE(1U, 2U, 3U);
  INFO("seed " << seed << ", " << name_of(type));
  RandomOperations(seed, type).run(700);
}
