// FAISS on a GPU without clipdex around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "benchmarks/search_data.h"

namespace clipdex::benchmarks {

using FoundRows = std::vector<std::vector<std::uint64_t>>;

// bfKnn over a copy of the vectors in fp16. One thread at a time, as FAISS's resources of a GPU are.
class BareFlat {
 public:
  BareFlat(const SearchData& data, int device);
  ~BareFlat();
  BareFlat(const BareFlat&) = delete;
  BareFlat& operator=(const BareFlat&) = delete;

  // queries: [n, SearchData::kDimension].
  FoundRows search(std::span<const float> queries, std::size_t n) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// GpuIndexIVFPQ over lists of its own training. One thread at a time.
class BareLists {
 public:
  // codes: bytes of a vector. data must outlive it.
  BareLists(const SearchData& data, int device, std::size_t lists, std::size_t codes);
  ~BareLists();
  BareLists(const BareLists&) = delete;
  BareLists& operator=(const BareLists&) = delete;

  // The best by their codes.
  FoundRows search(std::span<const float> queries, std::size_t n, std::size_t probes) const;
  // Of the `refined` best by their codes the best by their vectors, which the CPU compares.
  FoundRows search_refined(std::span<const float> queries, std::size_t n, std::size_t probes, std::size_t refined) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clipdex::benchmarks
