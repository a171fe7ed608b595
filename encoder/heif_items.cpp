#include "encoder/heif_items.h"

#include <libheif/heif_items.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "encoder/image_decoder.h"

namespace clipdex::encoder {
namespace {

constexpr std::uint32_t kHevc = heif_fourcc('h', 'v', 'c', '1'), kAv1 = heif_fourcc('a', 'v', '0', '1'),
                        kGrid = heif_fourcc('g', 'r', 'i', 'd'), kIdentity = heif_fourcc('i', 'd', 'e', 'n'),
                        kDerivedFrom = heif_fourcc('d', 'i', 'm', 'g'), kAuxiliaryTo = heif_fourcc('a', 'u', 'x', 'l');

using Handle = std::unique_ptr<heif_image_handle, void (*)(const heif_image_handle*)>;

[[noreturn]] void damaged(const std::string& message) { throw ImageError(ImageError::Reason::kCorrupt, "the file is damaged: " + message); }

// In floating point: grids of grids of grids do not overflow it.
struct Work {
  double pictures = 0, pixels = 0, bytes = 0;

  void add(const Work& other, double times) {
    pictures += times * other.pictures;
    pixels += times * other.pixels;
    bytes += times * other.bytes;
  }
};

// How many frames an AV1 item codes. dav1d decodes all up to the first one that is shown. (AV1 specification, 5.3: OBUs.)
int count_frames(std::span<const std::uint8_t> data) {
  constexpr int kFrameHeader = 3, kFrame = 6;
  int frames = 0;
  for (std::size_t at = 0; at < data.size();) {
    const std::uint8_t header = data[at];
    const int type = header >> 3 & 15;
    const bool extended = (header & 4) != 0, sized = (header & 2) != 0;
    frames += type == kFrameHeader || type == kFrame ? 1 : 0;
    if (!sized) break;  // up to the end
    at += extended ? 2 : 1;
    std::uint64_t size = 0;
    for (int i = 0; i < 8 && at < data.size(); ++i) {
      size |= std::uint64_t{data[at] & 0x7FU} << 7 * i;
      if ((data[at++] & 0x80) == 0) break;
    }
    if (at > data.size() || size > data.size() - at) break;
    at += size;
  }
  return frames;
}

class Items {
 public:
  explicit Items(heif_context* context) : context_(context) {
    std::vector<heif_item_id> all(static_cast<std::size_t>(std::max(0, ::heif_context_get_number_of_items(context))));
    ::heif_context_get_list_of_item_IDs(context, all.data(), static_cast<int>(all.size()));
    for (const auto item : all) {
      const auto to = references(item, kAuxiliaryTo);
      if (to.empty() || !is_alpha(item)) continue;
      for (const auto main : to) alphas_[main].insert(item);
    }
  }

  // Everything that decoding the item decodes. bytes_max: how much coded data is looked at.
  const Work& work_of(heif_item_id item, double bytes_max) {
    const auto [known, is_new] = work_.try_emplace(item);
    if (!is_new) {
      if (!known->second) damaged("its items are made of each other");
      return *known->second;
    }
    Work work;
    const auto type = ::heif_item_get_item_type(context_, item);
    if (type == kHevc || type == kAv1) {
      work = {.pictures = 1, .pixels = pixels_of(item), .bytes = coded_bytes(item, type, bytes_max)};
    } else if (type == kGrid || type == kIdentity) {
      std::map<heif_item_id, int> parts;
      for (const auto part : references(item, kDerivedFrom)) ++parts[part];
      for (const auto& [part, times] : parts) work.add(work_of(part, bytes_max), times);
    } else {
      std::string name;
      for (int shift = 24; shift >= 0; shift -= 8) name += static_cast<char>(type >> shift & 0x7F);
      throw ImageError(ImageError::Reason::kUnsupported,
                       "pictures of kind '" + name + "' are not read from HEIC and AVIF files: save it as a JPEG or PNG");
    }
    for (const auto alpha : alphas_[item]) work.add(work_of(alpha, bytes_max), 1);
    return *(work_[item] = work);
  }

 private:
  std::vector<heif_item_id> references(heif_item_id from, std::uint32_t wanted) const {
    std::vector<heif_item_id> all;
    for (int i = 0;; ++i) {
      std::uint32_t type = 0;
      heif_item_id* to = nullptr;
      const std::size_t count = ::heif_context_get_item_references(context_, from, i, &type, &to);
      if (count == 0) return all;
      if (type == wanted) all.insert(all.end(), to, to + count);
      ::heif_release_item_references(context_, &to);
    }
  }

  // Null if there is no such picture.
  Handle handle_of(heif_item_id item) const {
    heif_image_handle* raw = nullptr;
    const bool found = ::heif_context_get_image_handle(context_, item, &raw).code == heif_error_Ok;
    return Handle(found ? raw : nullptr, ::heif_image_handle_release);
  }

  // libheif decodes no other auxiliary pictures: depth, gain maps.
  bool is_alpha(heif_item_id item) const {
    const Handle handle = handle_of(item);
    const char* type = nullptr;
    if (!handle || ::heif_image_handle_get_auxiliary_type(handle.get(), &type).code != heif_error_Ok) return false;
    const std::string_view name = type;
    const bool alpha = name == "urn:mpeg:avc:2015:auxid:1" || name == "urn:mpeg:hevc:2015:auxid:1" ||
                       name == "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha";
    ::heif_image_handle_release_auxiliary_type(handle.get(), &type);
    return alpha;
  }

  double pixels_of(heif_item_id item) const {
    const Handle handle = handle_of(item);
    if (!handle) damaged("it lacks a part of its picture");
    return static_cast<double>(::heif_image_handle_get_ispe_width(handle.get())) * ::heif_image_handle_get_ispe_height(handle.get());
  }

  double coded_bytes(heif_item_id item, std::uint32_t type, double bytes_max) {
    constexpr int kFramesMax = 8;           // AV1's layers are at most four
    if (bytes_seen_ > bytes_max) return 0;  // refused anyway
    std::uint8_t* data = nullptr;
    std::size_t size = 0;
    if (::heif_item_get_item_data(context_, item, nullptr, &data, &size).code != heif_error_Ok) damaged("it lacks a part of its picture");
    const auto release = [this](std::uint8_t* of) { ::heif_release_item_data(context_, &of); };
    const std::unique_ptr<std::uint8_t, decltype(release)> owner(data, release);
    bytes_seen_ += static_cast<double>(size);
    if (type == kAv1 && count_frames({data, size}) > kFramesMax) damaged("what should be one picture is many");
    return static_cast<double>(size);
  }

  heif_context* context_;
  std::map<heif_item_id, std::set<heif_item_id>> alphas_;  // by the item whose alpha they are
  std::map<heif_item_id, std::optional<Work>> work_;       // nothing: being added up
  double bytes_seen_ = 0;
};

}  // namespace

void check_items(heif_context* context, heif_item_id item, std::uint64_t pixels, std::size_t file_bytes) {
  constexpr double kPicturesLeast = 256, kPixelsOfPicture = 65'536, kPixelsFactor = 4;
  constexpr double kBytesFactor = 2, kBytesLeast = 8 << 20;
  const double bytes_max = kBytesFactor * static_cast<double>(file_bytes) + kBytesLeast;
  Items items(context);
  const Work& work = items.work_of(item, bytes_max);
  const auto picture = static_cast<double>(pixels);
  if (work.pictures > kPicturesLeast + picture / kPixelsOfPicture || work.pixels > kPixelsFactor * picture || work.bytes > bytes_max)
    throw ImageError(ImageError::Reason::kTooLarge,
                     "the file puts its picture together of many more than it needs: save it as a JPEG or PNG");
}

}  // namespace clipdex::encoder
