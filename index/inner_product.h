// Inner products of float32 vectors with the widest instructions that the machine has. Private to index/.
#pragma once

#include <cstddef>

namespace clipdex::index {

// scores[q * stride + r] = the inner product of query q and row r. queries: [n_queries, dimension], contiguous; rows: n_rows pointers to
// `dimension` floats each, at any alignment. With one query the rows that come next are fetched while the current ones are computed.
// The score of a query and a row does not depend on what else the call is given: copies of a vector tie, however they are reached.
struct InnerProductArguments {
  const float* queries = nullptr;
  std::size_t n_queries = 1;
  const float* const* rows = nullptr;
  std::size_t n_rows = 0;
  std::size_t dimension = 0;
  float* scores = nullptr;
  std::size_t stride = 0;
};

// Sums run in float32 in as many lanes as the instructions have: scores differ between machines in the last bits.
enum class InstructionSet { kGeneric, kAvx2, kAvx512 };

using InnerProductFunction = void (*)(const InnerProductArguments& arguments);

// nullptr where this machine (or this build) does not have them.
InnerProductFunction inner_product_function(InstructionSet instructions);
// With the best that this machine has.
InnerProductFunction inner_product_function();

// Of one query and the rows, scores[i] that of rows[i].
inline void inner_products_of_query(InnerProductFunction function, const float* query, const float* const* rows, std::size_t n_rows,
                                    std::size_t dimension, float* scores) {
  function({.queries = query, .rows = rows, .n_rows = n_rows, .dimension = dimension, .scores = scores, .stride = n_rows});
}

// Of one pair.
inline float inner_product(InnerProductFunction function, const float* a, const float* b, std::size_t dimension) {
  float score = 0;
  inner_products_of_query(function, a, &b, 1, dimension, &score);
  return score;
}

// One file each; only where the machine runs them.
void inner_products_generic(const InnerProductArguments& arguments);
#if defined(__x86_64__)
void inner_products_avx2(const InnerProductArguments& arguments);
void inner_products_avx512(const InnerProductArguments& arguments);
#endif

}  // namespace clipdex::index
