#include "encoder/convolution_kernel.h"

#include <algorithm>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "encoder/onednn.h"
#include "encoder/packed_weights.h"

namespace clipdex::encoder {
namespace {

using Tag = dnnl::memory::format_tag;
using dnnl::memory;

enum class Epilogue { kNone, kRelu, kAddRelu };

constexpr auto kFloat = memory::data_type::f32;

dnnl::primitive_attr attributes(Epilogue epilogue) {
  dnnl::post_ops after;
  if (epilogue == Epilogue::kAddRelu) after.append_sum();
  if (epilogue != Epilogue::kNone) after.append_eltwise(dnnl::algorithm::eltwise_relu, /*alpha=*/0, /*beta=*/0);
  dnnl::primitive_attr result;
  result.set_post_ops(after);
  return result;
}

struct Shape {
  std::int64_t n, height, width;
  Epilogue epilogue;
  auto operator<=>(const Shape&) const = default;
};

}  // namespace

struct ConvolutionKernel::Impl {
  Impl(const at::Tensor& weight, const at::Tensor& bias_, const Options& options_)
      : in(weight.size(1)), out(weight.size(0)), kernel(weight.size(2)), options(options_), bias(bias_.contiguous()) {
    constexpr std::int64_t kUsualBatch = 8;
    const memory::dims dims = {out, in, kernel, kernel};
    const auto best = describe({kUsualBatch, options.side, options.side, Epilogue::kRelu}, memory::desc(dims, kFloat, Tag::any));
    const auto plain_weight = weight.contiguous();
    packings.push_back(pack(memory::desc(dims, kFloat, Tag::oihw), plain_weight.data_ptr(), best.weights_desc()));
  }

  struct Packing {
    memory::desc layout;
    std::shared_ptr<void> weights;
  };

  struct Primitive {
    dnnl::convolution_forward convolution;
    std::size_t packing;  // which of them it reads
  };

  static Packing pack(const memory::desc& from_layout, void* from, const memory::desc& to_layout) {
    Packing packing{.layout = to_layout, .weights = allocate_packed_weights(to_layout.get_size())};
    memory source(from_layout, onednn_engine(), from);
    memory target(to_layout, onednn_engine(), packing.weights.get());
    dnnl::stream stream(onednn_engine());
    dnnl::reorder(source, target).execute(stream, source, target);
    stream.wait();
    return packing;
  }

  std::int64_t output_side(std::int64_t side) const { return (side + 2 * options.padding - kernel) / options.stride + 1; }

  memory::desc input(const Shape& shape) const { return {{shape.n, in, shape.height, shape.width}, kFloat, Tag::nhwc}; }
  memory::desc output(const Shape& shape) const {
    return {{shape.n, out, output_side(shape.height), output_side(shape.width)}, kFloat, Tag::nhwc};
  }

  dnnl::convolution_forward::primitive_desc describe(const Shape& shape, const memory::desc& weights) const {
    const memory::dims padding = {options.padding, options.padding};
    return {onednn_engine(),
            dnnl::prop_kind::forward_inference,
            dnnl::algorithm::convolution_direct,
            input(shape),
            weights,
            memory::desc({out}, kFloat, Tag::a),
            output(shape),
            memory::dims{options.stride, options.stride},
            padding,
            padding,
            attributes(shape.epilogue)};
  }

  // For a batch of another size oneDNN may have no fast kernel on the order that suits the usual one; then the weights are packed for it
  // too.
  Primitive make_primitive(const Shape& shape) {
    for (std::size_t i = 0; i < packings.size(); ++i) {
      const auto description = describe(shape, packings[i].layout);
      if (!std::string_view(description.impl_info_str()).starts_with("ref")) return {dnnl::convolution_forward(description), i};
    }
    const auto best = describe(shape, memory::desc({out, in, kernel, kernel}, kFloat, Tag::any));
    const auto same =
        std::find_if(packings.begin(), packings.end(), [&](const auto& packing) { return packing.layout == best.weights_desc(); });
    const auto index = static_cast<std::size_t>(same - packings.begin());
    if (same == packings.end()) packings.push_back(pack(packings.front().layout, packings.front().weights.get(), best.weights_desc()));
    return {dnnl::convolution_forward(best), index};
  }

  const Primitive& primitive(const Shape& shape) {
    constexpr std::size_t kPrimitivesMax = 256;
    if (primitives.size() >= kPrimitivesMax && !primitives.contains(shape)) primitives.clear();
    const auto found = primitives.find(shape);
    if (found != primitives.end()) return found->second;
    return primitives.emplace(shape, make_primitive(shape)).first->second;
  }

  Shape shape_of(const at::Tensor& x, Epilogue epilogue) const { return {x.size(0), x.size(2), x.size(3), epilogue}; }

  // y: the result's memory.
  void run(const at::Tensor& x, const at::Tensor& y, Epilogue epilogue) {
    const auto rows = x.contiguous(at::MemoryFormat::ChannelsLast);
    const Shape shape = shape_of(x, epilogue);
    if (shape.n == 0) return;
    const auto& [convolution, packing] = primitive(shape);
    dnnl::stream stream(onednn_engine());
    convolution.execute(stream, {{DNNL_ARG_SRC, memory(input(shape), onednn_engine(), rows.data_ptr())},
                                 {DNNL_ARG_WEIGHTS, memory(packings[packing].layout, onednn_engine(), packings[packing].weights.get())},
                                 {DNNL_ARG_BIAS, memory(memory::desc({out}, kFloat, Tag::a), onednn_engine(), bias.data_ptr())},
                                 {DNNL_ARG_DST, memory(output(shape), onednn_engine(), y.data_ptr())}});
    stream.wait();
  }

  at::Tensor run(const at::Tensor& x, Epilogue epilogue) {
    auto y = at::empty({x.size(0), out, output_side(x.size(2)), output_side(x.size(3))},
                       x.options().memory_format(at::MemoryFormat::ChannelsLast));
    run(x, y, epilogue);
    return y;
  }

  std::int64_t in, out, kernel;
  Options options;
  at::Tensor bias;
  std::vector<Packing> packings;
  std::map<Shape, Primitive> primitives;
};

ConvolutionKernel::ConvolutionKernel(const at::Tensor& weight, const at::Tensor& bias, const Options& options)
    : impl_(std::make_unique<Impl>(weight, bias, options)) {}
ConvolutionKernel::~ConvolutionKernel() = default;

at::Tensor ConvolutionKernel::forward(const at::Tensor& x) const { return impl_->run(x, Epilogue::kNone); }
at::Tensor ConvolutionKernel::forward_relu(const at::Tensor& x) const { return impl_->run(x, Epilogue::kRelu); }
void ConvolutionKernel::add_relu_to(at::Tensor& y, const at::Tensor& x) const { impl_->run(x, y, Epilogue::kAddRelu); }

}  // namespace clipdex::encoder
