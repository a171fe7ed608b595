#include "encoder/linear_kernel.h"

#include <oneapi/dnnl/dnnl.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "encoder/gemm_avx2.h"
#include "encoder/onednn.h"
#include "encoder/packed_weights.h"

namespace clipdex::encoder {
namespace {

using Tag = dnnl::memory::format_tag;
using dnnl::memory;

dnnl::primitive_attr attributes(Epilogue epilogue) {
  dnnl::post_ops after;
  switch (epilogue) {
    case Epilogue::kNone:
      break;
    case Epilogue::kQuickGelu:
      after.append_eltwise(dnnl::algorithm::eltwise_swish, /*alpha=*/1.702F, /*beta=*/0);
      break;
    case Epilogue::kGelu:
      after.append_eltwise(dnnl::algorithm::eltwise_gelu_erf, /*alpha=*/0, /*beta=*/0);
      break;
    case Epilogue::kAdd:
      after.append_sum();
      break;
  }
  dnnl::primitive_attr result;
  result.set_post_ops(after);
  return result;
}

// Which rows and which product: what a primitive is made for.
struct Shape {
  std::int64_t rows;
  std::int64_t row_stride;  // of x, in elements
  Epilogue epilogue;
  bool operator==(const Shape&) const = default;
};

struct ShapeHash {
  std::size_t operator()(const Shape& shape) const {
    return static_cast<std::size_t>(shape.rows * 1'000'003 + shape.row_stride * 31 + static_cast<std::int64_t>(shape.epilogue));
  }
};

}  // namespace

struct LinearKernel::Impl {
  Impl(const at::Tensor& weight_, const at::Tensor& bias_)
      // detach(): tensors of their own on the same memory, whatever becomes of the caller's.
      : in(weight_.size(1)),
        out(weight_.size(0)),
        weight(weight_.contiguous().detach()),
        bias(bias_.defined() ? bias_.contiguous().detach() : bias_) {
    if (prefers_gemm_avx2()) {
      packed = allocate_packed_weights(packed_size_avx2(out, in) * sizeof(float));
      pack_weights_avx2(weight.const_data_ptr<float>(), out, in, static_cast<float*>(packed.get()));
      weight = at::Tensor();
      return;
    }
    // What the kernels for many rows would like best. Where those are plain GEMMs, they read [out, in] as well as anything.
    constexpr std::int64_t kManyRows = 512;
    const auto best = describe({kManyRows, in, Epilogue::kNone}, memory::desc({in, out}, memory::data_type::f32, Tag::any));
    layout = memory::desc({in, out}, memory::data_type::f32, Tag::ba);
    if (std::string_view(best.impl_info_str()).starts_with("gemm") || best.weights_desc() == layout) return;
    memory plain(layout, onednn_engine(), weight.data_ptr());
    layout = best.weights_desc();
    packed = allocate_packed_weights(layout.get_size());
    memory ordered(layout, onednn_engine(), packed.get());
    dnnl::stream stream(onednn_engine());
    dnnl::reorder(plain, ordered).execute(stream, plain, ordered);
    stream.wait();
    weight = at::Tensor();
  }

  dnnl::matmul::primitive_desc describe(const Shape& shape, const memory::desc& weights) const {
    const memory::desc x({shape.rows, in}, memory::data_type::f32, memory::dims{shape.row_stride, 1});
    const memory::desc y({shape.rows, out}, memory::data_type::f32, Tag::ab);
    if (!bias.defined()) return {onednn_engine(), x, weights, y, attributes(shape.epilogue)};
    const memory::desc b({1, out}, memory::data_type::f32, Tag::ab);
    return {onednn_engine(), x, weights, b, y, attributes(shape.epilogue)};
  }

  const dnnl::matmul& primitive(const Shape& shape) {
    constexpr std::size_t kPrimitivesMax = 512;  // of as many different numbers of rows
    if (primitives.size() >= kPrimitivesMax && !primitives.contains(shape)) primitives.clear();
    const auto found = primitives.find(shape);
    if (found != primitives.end()) return found->second;
    return primitives.emplace(shape, dnnl::matmul(describe(shape, layout))).first->second;
  }

  // x: [rows, in] with adjacent columns, y: [rows, out], contiguous.
  void run(const at::Tensor& x, const at::Tensor& y, Epilogue epilogue) {
    const Shape shape{x.size(0), x.size(0) > 1 ? x.stride(0) : in, epilogue};
    if (shape.rows == 0) return;
    if (prefers_gemm_avx2()) {
      return gemm_avx2({.x = x.const_data_ptr<float>(),
                        .rows = shape.rows,
                        .x_stride = shape.row_stride,
                        .packed = static_cast<const float*>(packed.get()),
                        .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                        .out = out,
                        .in = in,
                        .epilogue = epilogue,
                        .y = y.data_ptr<float>()});
    }
    const auto& matmul = primitive(shape);
    const auto view = [](const memory::desc& desc, const at::Tensor& tensor) { return memory(desc, onednn_engine(), tensor.data_ptr()); };
    void* const weights = packed ? packed.get() : weight.data_ptr();
    const memory::desc x_desc({shape.rows, in}, memory::data_type::f32, memory::dims{shape.row_stride, 1});
    std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, view(x_desc, x)},
                                                 {DNNL_ARG_WEIGHTS, memory(layout, onednn_engine(), weights)},
                                                 {DNNL_ARG_DST, view(memory::desc({shape.rows, out}, memory::data_type::f32, Tag::ab), y)}};
    if (bias.defined()) arguments.emplace(DNNL_ARG_BIAS, view(memory::desc({1, out}, memory::data_type::f32, Tag::ab), bias));
    dnnl::stream stream(onednn_engine());
    matmul.execute(stream, arguments);
    stream.wait();
  }

  std::int64_t in, out;
  at::Tensor weight, bias;
  std::shared_ptr<void> packed;  // or nullptr: the kernels read weight
  memory::desc layout;
  std::unordered_map<Shape, dnnl::matmul, ShapeHash> primitives;
};

namespace {

// [..., in] -> [rows, in], copied only if the rows are not evenly apart.
at::Tensor as_rows(const at::Tensor& x, std::int64_t in) {
  if (x.dim() == 2 && x.stride(1) == 1) return x;
  return x.reshape({-1, in}).contiguous();
}

}  // namespace

LinearKernel::LinearKernel(const at::Tensor& weight, const at::Tensor& bias) : impl_(std::make_unique<Impl>(weight, bias)) {}
LinearKernel::~LinearKernel() = default;

at::Tensor LinearKernel::forward(const at::Tensor& x, std::optional<Activation> activation) const {
  auto shape = x.sizes().vec();
  shape.back() = impl_->out;
  auto y = at::empty(shape, x.options());
  const Epilogue epilogue = !activation ? Epilogue::kNone : *activation == Activation::kQuickGelu ? Epilogue::kQuickGelu : Epilogue::kGelu;
  impl_->run(as_rows(x, impl_->in), y.view({-1, impl_->out}), epilogue);
  return y;
}

void LinearKernel::add_to(at::Tensor& y, const at::Tensor& x) const {
  impl_->run(as_rows(x, impl_->in), y.view({-1, impl_->out}), Epilogue::kAdd);
}

}  // namespace clipdex::encoder
