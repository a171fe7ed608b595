#include "index/inner_product.h"

#include <initializer_list>

namespace clipdex::index {

InnerProductFunction inner_product_function(InstructionSet instructions) {
  switch (instructions) {
    case InstructionSet::kGeneric:
      return inner_products_generic;
#if defined(__x86_64__)
    case InstructionSet::kAvx2:
      if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return inner_products_avx2;
      break;
    case InstructionSet::kAvx512:
      if (__builtin_cpu_supports("avx512f")) return inner_products_avx512;
      break;
#endif
    default:
      break;
  }
  return nullptr;
}

InnerProductFunction inner_product_function() {
  for (const auto instructions : {InstructionSet::kAvx512, InstructionSet::kAvx2}) {
    if (const auto function = inner_product_function(instructions)) return function;
  }
  return inner_products_generic;
}

}  // namespace clipdex::index
