// The loops of inner_product_*.cpp. Each of these files includes this header once, after it has defined CLIPDEX_TARGET (what the functions
// are compiled for: functions and not the file, since what the file instantiates of the standard library must run everywhere) and, in the
// namespace it opens, struct Lanes: Register, kWidth, kQueries, zero(), load(), load_first(), multiply_add() and sum().
// Private to index/.

// One accumulator a pair and one order of summation, whatever the tile: that is what makes a score independent of its neighbours. ahead:
// so many rows further are those that come next; 0: none do.
template <std::size_t Q, std::size_t R>
CLIPDEX_TARGET void tile(const float* queries, const float* const* rows, std::size_t ahead, std::size_t dimension, float* scores,
                         std::size_t stride) {
  typename Lanes::Register sums[Q][R];
  for (std::size_t q = 0; q < Q; ++q) {
    for (std::size_t r = 0; r < R; ++r) sums[q][r] = Lanes::zero();
  }
  std::size_t k = 0;
  for (; k + Lanes::kWidth <= dimension; k += Lanes::kWidth) {
    if (ahead > 0 && k % 16 == 0) {  // a cache line
      for (std::size_t r = 0; r < R; ++r) __builtin_prefetch(rows[ahead + r] + k);
    }
    typename Lanes::Register query[Q];
    for (std::size_t q = 0; q < Q; ++q) query[q] = Lanes::load(queries + q * dimension + k);
    for (std::size_t r = 0; r < R; ++r) {
      const auto row = Lanes::load(rows[r] + k);
      for (std::size_t q = 0; q < Q; ++q) sums[q][r] = Lanes::multiply_add(query[q], row, sums[q][r]);
    }
  }
  if (k < dimension) {
    for (std::size_t r = 0; r < R; ++r) {
      const auto row = Lanes::load_first(rows[r] + k, dimension - k);
      for (std::size_t q = 0; q < Q; ++q)
        sums[q][r] = Lanes::multiply_add(Lanes::load_first(queries + q * dimension + k, dimension - k), row, sums[q][r]);
    }
  }
  for (std::size_t q = 0; q < Q; ++q) {
    for (std::size_t r = 0; r < R; ++r) scores[q * stride + r] = Lanes::sum(sums[q][r]);
  }
}

template <std::size_t R>
CLIPDEX_TARGET void all_queries(const InnerProductArguments& a, std::size_t r) {
  if (a.n_queries == 1) {
    const bool more = r + 2 * R <= a.n_rows;
    return tile<1, R>(a.queries, a.rows + r, more ? R : 0, a.dimension, a.scores + r, a.stride);
  }
  std::size_t q = 0;
  for (; q + Lanes::kQueries <= a.n_queries; q += Lanes::kQueries)
    tile<Lanes::kQueries, R>(a.queries + q * a.dimension, a.rows + r, 0, a.dimension, a.scores + q * a.stride + r, a.stride);
  for (; q < a.n_queries; ++q) tile<1, R>(a.queries + q * a.dimension, a.rows + r, 0, a.dimension, a.scores + q * a.stride + r, a.stride);
}

CLIPDEX_TARGET void all_rows(const InnerProductArguments& a) {
  constexpr std::size_t kRows = 4;
  std::size_t r = 0;
  for (; r + kRows <= a.n_rows; r += kRows) all_queries<kRows>(a, r);
  for (; r < a.n_rows; ++r) all_queries<1>(a, r);
}
