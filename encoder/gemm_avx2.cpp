#include "encoder/gemm_avx2.h"

#include <immintrin.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

// For functions, not for the file: what the file instantiates of the standard library must run everywhere.
#define CLIPDEX_AVX2 __attribute__((target("avx2,fma")))

namespace clipdex::encoder {
namespace {

constexpr std::int64_t kPanel = 16;    // output columns that are computed together: two registers
constexpr std::int64_t kTileRows = 6;  // rows of x that are: 6 x 2 accumulators, 2 registers of weights, 1 of x
// Of one pass, and of one task. Larger than the first two cache levels would ask for (a pass's tile of x takes 18 KiB, a panel's part 48
// KiB): measured on Zen 3, where fetching panels and writing tiles costs more than reading x from the third level.
constexpr std::int64_t kDepth = 768;
constexpr std::int64_t kBlockRows = 240;
// Ahead of the product by so many steps of the inner dimension (3 KiB), memory is asked for weights that few rows use up as fast as they
// come.
constexpr std::int64_t kPrefetchedSteps = 48;
// From so many rows on, their part of x is copied tile by tile: rows of x are a multiple of 4 KiB apart, and compete for the same cache
// lines.
constexpr std::int64_t kCopiedRows = 24;

std::int64_t panels_of(std::int64_t out) { return (out + kPanel - 1) / kPanel; }

// exp(x) to 2 units in the last place (Cephes, expf): 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2].
CLIPDEX_AVX2 inline __m256 exponential(__m256 x) {
  x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-87.3F)), _mm256_set1_ps(88.3F));
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504088896341F)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  x = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375F), x);
  x = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4F), x);
  __m256 p = _mm256_set1_ps(1.9875691500E-4F);
  for (const float c : {1.3981999507E-3F, 8.3334519073E-3F, 4.1665795894E-2F, 1.6666665459E-1F, 5.0000001201E-1F})
    p = _mm256_fmadd_ps(p, x, _mm256_set1_ps(c));
  p = _mm256_add_ps(_mm256_fmadd_ps(p, _mm256_mul_ps(x, x), x), _mm256_set1_ps(1));
  const __m256i power = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(p, _mm256_castsi256_ps(power));
}

CLIPDEX_AVX2 inline __m256 quick_gelu(__m256 x) {
  const __m256 e = exponential(_mm256_mul_ps(x, _mm256_set1_ps(-1.702F)));
  return _mm256_div_ps(x, _mm256_add_ps(e, _mm256_set1_ps(1)));
}

// x/2 (1 + erf(x / sqrt 2)), with erf of Abramowitz and Stegun, 7.1.26: off by 1.5e-7 at most.
CLIPDEX_AVX2 inline __m256 gelu(__m256 x) {
  const __m256 sign_bit = _mm256_set1_ps(-0.0F);
  const __m256 one = _mm256_set1_ps(1);
  const __m256 z = _mm256_mul_ps(_mm256_andnot_ps(sign_bit, x), _mm256_set1_ps(0.70710678118654752F));
  const __m256 t = _mm256_div_ps(one, _mm256_fmadd_ps(z, _mm256_set1_ps(0.3275911F), one));
  __m256 p = _mm256_set1_ps(1.061405429F);
  for (const float c : {-1.453152027F, 1.421413741F, -0.284496736F, 0.254829592F}) p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(c));
  const __m256 e = exponential(_mm256_xor_ps(_mm256_mul_ps(z, z), sign_bit));
  const __m256 erf = _mm256_fnmadd_ps(_mm256_mul_ps(p, t), e, one);
  const __m256 signed_erf = _mm256_or_ps(erf, _mm256_and_ps(x, sign_bit));
  const __m256 half = _mm256_mul_ps(x, _mm256_set1_ps(0.5F));
  return _mm256_fmadd_ps(half, signed_erf, half);
}

CLIPDEX_AVX2 inline __m256 activated(__m256 x, Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::kQuickGelu:
      return quick_gelu(x);
    case Epilogue::kGelu:
      return gelu(x);
    default:
      return x;
  }
}

// One pass over `depth` of the inner dimension for one tile.
struct TilePass {
  const float* x = nullptr;  // [rows, depth] with rows x_stride apart; or a copy, [depth, rows], if x_stride is 0
  std::int64_t x_stride = 0;
  const float* panel = nullptr;
  std::int64_t depth = 0;
  bool adds = false;            // to what y holds: an earlier pass's sum, or what kAdd adds to
  const float* bias = nullptr;  // 16 floats, in the last pass only
  Epilogue epilogue = Epilogue::kNone;
  float* y = nullptr;
  std::int64_t y_stride = 0;
  const float* next_panel = nullptr;  // is brought closer meanwhile; nullptr: nothing is
};

// The sums must stay in registers: every loop over them is unrolled, and the epilogue is a loop of its own over what they leave in y.
template <int kRows, bool kCopied, bool kPrefetches>
CLIPDEX_AVX2 void accumulate(const TilePass& pass) {
  __m256 low[kRows], high[kRows];
  float* const y = pass.y;
  const std::int64_t y_stride = pass.y_stride, depth = pass.depth;
  const std::int64_t row_stride = kCopied ? 1 : pass.x_stride, step = kCopied ? kRows : 1;
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    _mm_prefetch(reinterpret_cast<const char*>(y + r * y_stride), _MM_HINT_T0);
    low[r] = high[r] = _mm256_setzero_ps();
  }
  const float* panel = pass.panel;
  const float* x = pass.x;
  for (std::int64_t k = 0; k < depth; ++k, panel += kPanel, x += step) {
    if (!kCopied) _mm_prefetch(reinterpret_cast<const char*>(panel + kPrefetchedSteps * kPanel), _MM_HINT_T0);
    if (kPrefetches) _mm_prefetch(reinterpret_cast<const char*>(pass.next_panel + k * kPanel), _MM_HINT_T1);
    const __m256 panel_low = _mm256_load_ps(panel);
    const __m256 panel_high = _mm256_load_ps(panel + 8);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const __m256 value = _mm256_broadcast_ss(x + r * row_stride);
      low[r] = _mm256_fmadd_ps(value, panel_low, low[r]);
      high[r] = _mm256_fmadd_ps(value, panel_high, high[r]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    if (pass.adds) low[r] = _mm256_add_ps(low[r], _mm256_loadu_ps(y + r * y_stride));
    if (pass.adds) high[r] = _mm256_add_ps(high[r], _mm256_loadu_ps(y + r * y_stride + 8));
    _mm256_storeu_ps(y + r * y_stride, low[r]);
    _mm256_storeu_ps(y + r * y_stride + 8, high[r]);
  }
}

CLIPDEX_AVX2 void finish(const TilePass& pass, std::int64_t rows) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t half = 0; half < kPanel; half += 8) {
      float* y = pass.y + r * pass.y_stride + half;
      _mm256_storeu_ps(y, activated(_mm256_add_ps(_mm256_loadu_ps(y), _mm256_loadu_ps(pass.bias + half)), pass.epilogue));
    }
  }
}

template <int kRows>
void accumulate_rows(const TilePass& pass) {
  if (pass.x_stride != 0) return accumulate<kRows, false, false>(pass);
  return pass.next_panel != nullptr ? accumulate<kRows, true, true>(pass) : accumulate<kRows, true, false>(pass);
}

void compute_rows(const TilePass& pass, std::int64_t rows) {
  constexpr void (*kByRows[])(const TilePass&) = {accumulate_rows<1>, accumulate_rows<2>, accumulate_rows<3>,
                                                  accumulate_rows<4>, accumulate_rows<5>, accumulate_rows<6>};
  kByRows[rows - 1](pass);
  if (pass.bias != nullptr) finish(pass, rows);
}

// The last panel may hold fewer columns than it computes: then through memory of full width.
void compute_narrow(TilePass pass, std::int64_t rows, std::int64_t columns) {
  float full[kTileRows * kPanel] = {};
  float* y = pass.y;
  const std::int64_t y_stride = pass.y_stride;
  const auto bytes = static_cast<std::size_t>(columns) * sizeof(float);
  for (std::int64_t r = 0; pass.adds && r < rows; ++r) std::memcpy(full + r * kPanel, y + r * y_stride, bytes);
  pass.y = full;
  pass.y_stride = kPanel;
  compute_rows(pass, rows);
  for (std::int64_t r = 0; r < rows; ++r) std::memcpy(y + r * y_stride, full + r * kPanel, bytes);
}

struct Range {
  std::int64_t begin, end;
};

// How many rows the tile has that begins where `left` rows are left. Eight are two fours rather than a six and a two.
std::int64_t tile_rows(std::int64_t left) { return left > kTileRows && left < 2 * kTileRows ? (left + 1) / 2 : std::min(kTileRows, left); }

// copy: tile after tile, [depth, rows of the tile].
void copy_rows(const GemmArguments& a, Range rows, Range depth, float* copy) {
  for (std::int64_t row = rows.begin; row < rows.end;) {
    const std::int64_t tile = tile_rows(rows.end - row);
    for (std::int64_t r = 0; r < tile; ++r) {
      const float* from = a.x + (row + r) * a.x_stride;
      for (std::int64_t k = depth.begin; k < depth.end; ++k) copy[(k - depth.begin) * tile + r] = from[k];
    }
    copy += tile * (depth.end - depth.begin);
    row += tile;
  }
}

// copy: of the rows, or nullptr.
void compute_panel(const GemmArguments& a, Range rows, Range depth, std::int64_t panel, const float* copy) {
  const std::int64_t columns = std::min(kPanel, a.out - panel * kPanel);
  float bias[kPanel] = {};
  if (a.bias != nullptr) std::copy_n(a.bias + panel * kPanel, columns, bias);
  const std::int64_t second_tile = rows.begin + kTileRows;
  for (std::int64_t row = rows.begin; row < rows.end;) {
    const std::int64_t tile = tile_rows(rows.end - row);
    const TilePass pass{.x = copy != nullptr ? copy + (row - rows.begin) * (depth.end - depth.begin) : a.x + row * a.x_stride + depth.begin,
                        .x_stride = copy != nullptr ? 0 : a.x_stride,
                        .panel = a.packed + (panel * a.in + depth.begin) * kPanel,
                        .depth = depth.end - depth.begin,
                        .adds = depth.begin > 0 || a.epilogue == Epilogue::kAdd,
                        .bias = depth.end == a.in ? bias : nullptr,
                        .epilogue = a.epilogue,
                        .y = a.y + row * a.out + panel * kPanel,
                        .y_stride = a.out,
                        // By the second tile, which finds its own panel in the cache.
                        .next_panel = copy != nullptr && row == second_tile && panel + 1 < panels_of(a.out)
                                          ? a.packed + ((panel + 1) * a.in + depth.begin) * kPanel
                                          : nullptr};
    if (columns == kPanel) {
      compute_rows(pass, tile);
    } else {
      compute_narrow(pass, tile, columns);
    }
    row += tile;
  }
}

void compute_block(const GemmArguments& a, Range rows, Range panels) {
  const bool copies = rows.end - rows.begin >= kCopiedRows;
  thread_local std::vector<float> copy(static_cast<std::size_t>(kBlockRows * kDepth));
  for (std::int64_t begin = 0; begin < a.in; begin += kDepth) {
    const Range depth{begin, std::min(begin + kDepth, a.in)};
    if (copies) copy_rows(a, rows, depth, copy.data());
    for (std::int64_t panel = panels.begin; panel < panels.end; ++panel)
      compute_panel(a, rows, depth, panel, copies ? copy.data() : nullptr);
  }
}

struct Division {
  std::int64_t rows, panels;  // of one task
};

// Into tasks of equal size, such that the thread with the most of them is through soonest. Costs are cycles for one step of the inner
// dimension: a row and a panel take one, fetching the panel's weights six (16 floats from the third level), copying a row two.
Division divide(const GemmArguments& a, std::int64_t threads) {
  constexpr std::int64_t kFetchCost = 6, kCopyCost = 2, kTasksPerThread = 4;
  const std::int64_t panels = panels_of(a.out);
  const std::int64_t tiles = (a.rows + kTileRows - 1) / kTileRows;
  const std::int64_t blocks_min = (a.rows + kBlockRows - 1) / kBlockRows;
  Division best{};
  std::int64_t best_cost = std::numeric_limits<std::int64_t>::max();
  for (std::int64_t blocks = blocks_min; blocks < blocks_min + threads && blocks <= tiles; ++blocks) {
    const std::int64_t rows = (tiles + blocks - 1) / blocks * kTileRows;
    const std::int64_t copying = std::min(rows, a.rows) >= kCopiedRows ? rows * kCopyCost : 0;
    for (std::int64_t groups = 1; groups <= std::min(panels, kTasksPerThread * threads); ++groups) {
      const std::int64_t of_group = (panels + groups - 1) / groups;
      const std::int64_t rounds = (blocks * groups + threads - 1) / threads;
      const std::int64_t cost = rounds * (of_group * (rows + kFetchCost) + copying);
      if (cost >= best_cost) continue;
      best_cost = cost;
      best = {rows, of_group};
    }
  }
  return best;
}

}  // namespace

bool prefers_gemm_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && !__builtin_cpu_supports("avx512f"); }

std::size_t packed_size_avx2(std::int64_t out, std::int64_t in) { return static_cast<std::size_t>(panels_of(out) * in * kPanel); }

void pack_weights_avx2(const float* weight, std::int64_t out, std::int64_t in, float* packed) {
#pragma omp parallel for schedule(static)
  for (std::int64_t panel = 0; panel < panels_of(out); ++panel) {
    const std::int64_t columns = std::min(kPanel, out - panel * kPanel);
    const float* from = weight + panel * kPanel * in;
    float* to = packed + panel * in * kPanel;
    for (std::int64_t k = 0; k < in; ++k) {
      for (std::int64_t c = 0; c < kPanel; ++c) to[k * kPanel + c] = c < columns ? from[c * in + k] : 0;
    }
  }
}

void gemm_avx2(const GemmArguments& arguments) {
  const Division division = divide(arguments, omp_get_max_threads());
#pragma omp parallel for schedule(dynamic) collapse(2)
  for (std::int64_t row = 0; row < arguments.rows; row += division.rows) {
    for (std::int64_t panel = 0; panel < panels_of(arguments.out); panel += division.panels) {
      compute_block(arguments, {row, std::min(row + division.rows, arguments.rows)},
                    {panel, std::min(panel + division.panels, panels_of(arguments.out))});
    }
  }
}

}  // namespace clipdex::encoder
