// oneDNN's handle for this machine's CPU. Private to encoder/.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

namespace clipdex::encoder {

// Engines are immutable and shared by all kernels: any thread may use it.
inline const dnnl::engine& onednn_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, /*index=*/0);
  return engine;
}

}  // namespace clipdex::encoder
