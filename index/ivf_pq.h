// An inverted file with product quantisation (Jegou, Douze and Schmid, PAMI 2011), refined with the vectors. Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "index/approximation.h"
#include "index/inner_product.h"
#include "index/quantized_lists.h"
#include "index/row_filter.h"

namespace clipdex::index {

// Vectors in lists by the nearest of some centroids, and of each the codes of its difference from that centroid: about dimension / 8 bytes
// a vector. A search compares the codes of the nearest lists, and the best of them again by their vectors.
class IvfPq : public Approximation {
 public:
  // nullptr: it was stopped. The same input gives the same structure.
  static std::unique_ptr<const IvfPq> build(const BuildInput& input);
  // As read_approximation().
  static std::unique_ptr<const IvfPq> read(std::span<const std::byte> bytes, std::size_t n, std::size_t dimension);
  static std::size_t expected_memory_bytes(std::size_t n, std::size_t dimension, const ScanThresholds& thresholds);

  std::string_view type() const override { return kIvfPq; }
  std::string parameters() const override;
  std::size_t memory_bytes() const override;
  void search(const ScanInput& segment, std::span<const float> queries, std::size_t n, std::size_t limit, std::size_t effort,
              std::vector<std::vector<Hit>>& hits) const override;
  std::optional<QuantizedLists> quantized_lists() const override;
  void write(std::ostream& out) const override;

 private:
  static constexpr std::size_t kCodes = QuantizedLists::kCodes;
  struct Query;

  IvfPq() = default;
  IvfPq(std::size_t n, std::size_t dimension);

  std::size_t lists() const { return list_starts_.empty() ? 0 : list_starts_.size() - 1; }
  // A code's part of a vector.
  std::size_t part() const { return dimension_ / parts_; }
  // How a search is done unless told otherwise.
  std::size_t default_probes() const;

  // In build(): fill the members below.
  bool train(const BuildInput& input);
  bool add(const BuildInput& input);

  void search_one(const Query& query, std::vector<Hit>& hits) const;
  // The lists, and how near they are.
  std::vector<Hit> nearest_lists(const Query& query) const;
  // What each value of each code adds to a score: [parts, kCodes].
  std::vector<float> score_table(const float* query) const;

  std::size_t n_ = 0;
  std::size_t dimension_ = 0;
  std::size_t parts_ = 0;                   // codes of a vector
  std::vector<float> centroids_;            // [lists, dimension]
  std::vector<float> code_centroids_;       // [parts, part, kCodes]
  std::vector<std::uint32_t> list_starts_;  // [lists + 1]; empty for so few vectors that they are always scanned
  std::vector<std::uint32_t> positions_;    // [n]: the vectors, list by list
  std::vector<std::uint8_t> codes_;         // [n, parts]
  InnerProductFunction inner_products_ = inner_product_function();
};

}  // namespace clipdex::index
