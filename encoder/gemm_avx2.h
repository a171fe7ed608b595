// Matrix products on packed weights for machines with AVX2 and FMA but without AVX-512, where oneDNN has no kernel that keeps packed
// weights for fp32: its GEMM packs them again on every call, a sixth of the time of ViT-B/32. Private to encoder/; no LibTorch here.
#pragma once

#include <cstddef>
#include <cstdint>

#include "encoder/epilogue.h"

namespace clipdex::encoder {

// Whether this machine runs pack_weights_avx2() and gemm_avx2() and has nothing better.
bool prefers_gemm_avx2();

// Floats that the packed form of weights [out, in] takes.
std::size_t packed_size_avx2(std::int64_t out, std::int64_t in);

// weight: [out, in], row-major; packed: packed_size_avx2(out, in) floats, 32-byte aligned.
void pack_weights_avx2(const float* weight, std::int64_t out, std::int64_t in, float* packed);

struct GemmArguments {
  const float* x = nullptr;  // [rows, in], rows x_stride apart
  std::int64_t rows = 0, x_stride = 0;
  const float* packed = nullptr;  // of [out, in]
  const float* bias = nullptr;    // [out], or nullptr
  std::int64_t out = 0, in = 0;
  Epilogue epilogue = Epilogue::kNone;
  float* y = nullptr;  // [rows, out], contiguous
};

// y = epilogue(x W^T + bias), on the calling thread's OpenMP team. The loops are those of Goto and van de Geijn, "Anatomy of
// High-Performance Matrix Multiplication" (2008), with the weights packed beforehand and x read where it lies.
void gemm_avx2(const GemmArguments& arguments);

}  // namespace clipdex::encoder
