#include <algorithm>

#include "index/inner_product.h"

#define CLIPDEX_TARGET

namespace clipdex::index {
namespace {

// Plain loops over four numbers: compilers make the machine's basic vector instructions of them.
struct Lanes {
  struct Register {
    float x[4];
  };
  static constexpr std::size_t kWidth = 4;
  static constexpr std::size_t kQueries = 2;
  static Register zero() { return {}; }
  static Register load(const float* x) { return {{x[0], x[1], x[2], x[3]}}; }
  static Register load_first(const float* x, std::size_t n) {
    Register r{};
    std::copy_n(x, n, r.x);
    return r;
  }
  static Register multiply_add(const Register& a, const Register& b, Register sum) {
    for (std::size_t i = 0; i < kWidth; ++i) sum.x[i] += a.x[i] * b.x[i];
    return sum;
  }
  static float sum(const Register& r) { return (r.x[0] + r.x[2]) + (r.x[1] + r.x[3]); }
};

#include "index/inner_product_tiles.h"

}  // namespace

void inner_products_generic(const InnerProductArguments& arguments) { all_rows(arguments); }

}  // namespace clipdex::index
