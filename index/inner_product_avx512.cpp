#include "index/inner_product.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define CLIPDEX_TARGET __attribute__((target("avx512f")))

namespace clipdex::index {
namespace {

struct Lanes {
  using Register = __m512;
  static constexpr std::size_t kWidth = 16;
  static constexpr std::size_t kQueries = 6;  // 24 of the 32 registers are accumulators
  CLIPDEX_TARGET static Register zero() { return _mm512_setzero_ps(); }
  CLIPDEX_TARGET static Register load(const float* x) { return _mm512_loadu_ps(x); }
  CLIPDEX_TARGET static Register load_first(const float* x, std::size_t n) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1), x);
  }
  CLIPDEX_TARGET static Register multiply_add(Register a, Register b, Register sum) { return _mm512_fmadd_ps(a, b, sum); }
  CLIPDEX_TARGET static float sum(Register r) { return _mm512_reduce_add_ps(r); }
};

#include "index/inner_product_tiles.h"

}  // namespace

void inner_products_avx512(const InnerProductArguments& arguments) { all_rows(arguments); }

}  // namespace clipdex::index
#endif
