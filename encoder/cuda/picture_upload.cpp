#include "encoder/cuda/picture_upload.h"

#include <c10/cuda/CUDAStream.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "encoder/resize_plan.h"

namespace clipdex::encoder {
namespace {

constexpr std::size_t kAlignment = 16;
constexpr std::size_t kChannels = 3;

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

PixelType pixel_type(at::ScalarType type) {
  return type == at::kHalf ? PixelType::kHalf : type == at::kBFloat16 ? PixelType::kBfloat16 : PixelType::kFloat;
}

struct Planned {
  const Image* image;
  CropPlan crop;
  ResizePlan resize;

  std::size_t row_bytes() const { return static_cast<std::size_t>(image->width) * kChannels; }
  std::size_t pixel_bytes() const { return static_cast<std::size_t>(resize.rows) * row_bytes(); }
  std::size_t between_bytes() const {
    return resize.across ? static_cast<std::size_t>(resize.rows) * static_cast<std::size_t>(crop.window.width) * kChannels : 0;
  }
};

Planned plan(const DeviceImage& picture, const Preprocessing& p) {
  const auto& image = picture.image;
  if (picture.is_ready) {
    return {.image = &image,
            .crop = {.width = p.width, .height = p.height, .window = {0, 0, p.width, p.height}, .left = 0, .top = 0},
            .resize = {.across = {}, .down = {}, .first_row = 0, .rows = p.height}};
  }
  const auto crop = plan_crop(image, p);
  return {.image = &image, .crop = crop, .resize = plan_resize(image, crop.width, crop.height, p.interpolation, crop.window)};
}

std::size_t tap_bytes(const std::optional<Taps>& taps) {
  return taps ? aligned((taps->first.size() + taps->count.size() + taps->weights.size()) * sizeof(std::int32_t)) : 0;
}

// Fills page-locked memory from its beginning on, and tells where the same bytes are on the device.
class Arena {
 public:
  Arena(std::byte* here, std::byte* there) : here_(here), there_(there) {}

  const std::byte* put(const void* bytes, std::size_t size) {
    std::memcpy(here_ + used_, bytes, size);
    const auto* place = there_ + used_;
    used_ += aligned(size);
    return place;
  }
  std::size_t used() const { return used_; }

  DeviceTaps put(const std::optional<Taps>& taps) {
    if (!taps) return {};
    std::vector<std::int32_t> all(taps->first.begin(), taps->first.end());
    all.insert(all.end(), taps->count.begin(), taps->count.end());
    all.insert(all.end(), taps->weights.begin(), taps->weights.end());
    const auto* place = reinterpret_cast<const std::int32_t*>(put(all.data(), all.size() * sizeof(std::int32_t)));
    const auto positions = taps->first.size();
    return {.first = place, .count = place + positions, .weights = place + 2 * positions, .per_position = taps->per_position};
  }

 private:
  std::byte* here_;
  std::byte* there_;
  std::size_t used_ = 0;
};

std::byte* memory_of(const at::Tensor& tensor) { return reinterpret_cast<std::byte*>(tensor.data_ptr()); }

}  // namespace

PictureUpload::PictureUpload(const Preprocessing& preprocessing, at::Device device) : preprocessing_(preprocessing), device_(device) {
  const auto tables = normalization_tables(preprocessing);
  auto here = at::empty({3, 256}, at::kFloat);
  for (std::size_t c = 0; c < tables.size(); ++c) std::copy(tables[c].begin(), tables[c].end(), here.data_ptr<float>() + c * 256);
  tables_ = here.to(device);
}

void PictureUpload::reserve(std::size_t upload_bytes, std::size_t scratch_bytes) {
  const auto grow = [](at::Tensor& tensor, std::size_t bytes, const at::TensorOptions& options) {
    if (tensor.defined() && tensor.nbytes() >= bytes) return;
    tensor = at::Tensor();
    tensor = at::empty({static_cast<std::int64_t>(bytes + bytes / 4)}, options);
  };
  const auto bytes = at::TensorOptions().dtype(at::kByte);
  grow(pinned_, upload_bytes, bytes.pinned_memory(true));
  grow(uploaded_, upload_bytes, bytes.device(device_));
  grow(scratch_, std::max<std::size_t>(scratch_bytes, 1), bytes.device(device_));
}

at::Tensor PictureUpload::run(std::span<const DeviceImage> pictures, at::ScalarType type) {
  std::vector<Planned> planned;
  std::size_t upload = aligned(pictures.size() * sizeof(DevicePicture)), scratch = 0;
  for (const auto& picture : pictures) {
    planned.push_back(plan(picture, preprocessing_));
    const auto& last = planned.back();
    upload += aligned(last.pixel_bytes()) + tap_bytes(last.resize.across) + tap_bytes(last.resize.down);
    scratch += aligned(last.between_bytes());
  }
  reserve(upload, scratch);

  PreprocessLaunch launch{.count = static_cast<int>(pictures.size()),
                          .tables = tables_.const_data_ptr<float>(),
                          .fill = preprocessing_.fill,
                          .width = preprocessing_.width,
                          .height = preprocessing_.height,
                          .type = pixel_type(type)};
  std::vector<DevicePicture> descriptions(pictures.size());
  // Their place is first, and they are known last.
  Arena arena(memory_of(pinned_), memory_of(uploaded_));
  launch.pictures = reinterpret_cast<const DevicePicture*>(arena.put(descriptions.data(), descriptions.size() * sizeof(DevicePicture)));
  std::uint8_t* between = scratch_.data_ptr<std::uint8_t>();
  for (std::size_t i = 0; i < planned.size(); ++i) {
    const auto& [image, crop, resize] = planned[i];
    const auto* rows = image->pixels.data() + static_cast<std::size_t>(resize.first_row) * planned[i].row_bytes();
    descriptions[i] = {.pixels = reinterpret_cast<const std::uint8_t*>(arena.put(rows, planned[i].pixel_bytes())),
                       .between = between,
                       .width = image->width,
                       .rows = resize.rows,
                       .first_row = resize.first_row,
                       .window_width = crop.window.width,
                       .window_height = crop.window.height,
                       .left = crop.left,
                       .top = crop.top,
                       .across = arena.put(resize.across),
                       .down = arena.put(resize.down)};
    between += aligned(planned[i].between_bytes());
    launch.rows_max = std::max(launch.rows_max, resize.rows);
    launch.window_width_max = std::max(launch.window_width_max, crop.window.width);
  }
  std::memcpy(pinned_.data_ptr(), descriptions.data(), descriptions.size() * sizeof(DevicePicture));

  const auto used = static_cast<std::int64_t>(arena.used());
  uploaded_.narrow(0, 0, used).copy_(pinned_.narrow(0, 0, used), /*non_blocking=*/true);
  auto out = at::empty({static_cast<std::int64_t>(pictures.size()), 3, preprocessing_.height, preprocessing_.width},
                       at::TensorOptions().dtype(type).device(device_));
  launch.out = out.data_ptr();
  launch_preprocess(launch, c10::cuda::getCurrentCUDAStream(device_.index()));
  return out;
}

}  // namespace clipdex::encoder
