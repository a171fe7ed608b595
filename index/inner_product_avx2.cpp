#include "index/inner_product.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define CLIPDEX_TARGET __attribute__((target("avx2,fma")))

namespace clipdex::index {
namespace {

struct Lanes {
  using Register = __m256;
  static constexpr std::size_t kWidth = 8;
  static constexpr std::size_t kQueries = 3;  // 12 accumulators, 3 registers of queries, 1 of a row
  CLIPDEX_TARGET static Register zero() { return _mm256_setzero_ps(); }
  CLIPDEX_TARGET static Register load(const float* x) { return _mm256_loadu_ps(x); }
  CLIPDEX_TARGET static Register load_first(const float* x, std::size_t n) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_maskload_ps(x, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane));
  }
  CLIPDEX_TARGET static Register multiply_add(Register a, Register b, Register sum) { return _mm256_fmadd_ps(a, b, sum); }
  CLIPDEX_TARGET static float sum(Register r) {
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(r), _mm256_extractf128_ps(r, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
  }
};

#include "index/inner_product_tiles.h"

}  // namespace

void inner_products_avx2(const InnerProductArguments& arguments) { all_rows(arguments); }

}  // namespace clipdex::index
#endif
