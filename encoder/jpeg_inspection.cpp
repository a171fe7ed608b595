#include "encoder/jpeg_inspection.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "encoder/jpeg_markers.h"
#include "encoder/jpeg_scans.h"

namespace clipdex::encoder {
namespace {

using Segment = std::span<const std::uint8_t>;

// Encoders write up to a dozen. More are for the CPU, which knows how many are too many.
constexpr int kOrdinaryScansMax = 32;
constexpr int kCoefficients = 64, kTables = 4, kComponentsMax = 3;
constexpr int kUnseen = -1;

int number(Segment segment, std::size_t at) { return segment[at] << 8 | segment[at + 1]; }

std::uint64_t divided(int value, int by) { return static_cast<std::uint64_t>((value + by - 1) / by); }

struct Component {
  int id = 0, horizontal = 1, vertical = 1, quantization = 0;
  std::uint64_t blocks = 0;
  // Of each coefficient, the lowest bit that is known so far.
  std::array<int, kCoefficients> lowest_bit{};

  bool is_complete() const {
    return std::all_of(lowest_bit.begin(), lowest_bit.end(), [](int bit) { return bit == 0; });
  }
};

// Walks one file. Each function takes one kind of segment and tells whether it is as ordinary files have it.
class Inspection {
 public:
  Inspection(std::span<const std::uint8_t> file, const ImageLimits& limits) : file_(file), limits_(limits) {}

  std::optional<OrdinaryJpeg> run() {
    JpegMarkers markers(file_);
    const auto first = markers.next();
    if (!first || first->code != jpeg_code::kStartOfImage || first->at != 0) return std::nullopt;
    std::size_t end = markers.position();  // of what is understood
    while (const auto marker = markers.next()) {
      if (in_scan_ ? !take_scan_data(*marker, end) : marker->at != end) return std::nullopt;
      end = markers.position();
      if (in_scan_) continue;
      if (marker->code == jpeg_code::kEndOfImage) return result(end);
      if (!take(*marker)) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  // The data from `begin` to a marker, which may be a restart within the scan.
  bool take_scan_data(const JpegMarker& marker, std::size_t begin) {
    if (marker.at == begin || file_[marker.at - 1] == 0xFF) return false;
    if (marker.code >= jpeg_code::kRestartFirst && marker.code <= jpeg_code::kRestartLast) {
      const bool in_order = marker.code == jpeg_code::kRestartFirst + restarts_ % 8;
      ++restarts_;
      return in_order && restarts_ <= restarts_due_;
    }
    in_scan_ = false;
    return restarts_ == restarts_due_;
  }

  bool take(const JpegMarker& marker) {
    switch (marker.code) {
      case jpeg_code::kBaseline:
      case jpeg_code::kProgressive:
        return take_frame(marker.segment, marker.code == jpeg_code::kProgressive);
      case jpeg_code::kQuantizationTables:
        return take_quantization(marker.segment);
      case jpeg_code::kHuffmanTables:
        return take_huffman(marker.segment);
      case jpeg_code::kRestartInterval:
        if (marker.segment.size() != 2) return false;
        restart_interval_ = number(marker.segment, 0);
        return true;
      case jpeg_code::kStartOfScan:
        return take_scan(marker.segment);
      default:
        return take_application(marker);
    }
  }

  bool take_application(const JpegMarker& marker) {
    constexpr std::size_t kJfifBytes = 14, kAdobeBytes = 12, kTransformAt = 11;
    constexpr std::string_view kJfif{"JFIF\0", 5}, kAdobe{"Adobe"};
    const auto begins_with = [&](std::string_view name, std::size_t bytes) {
      return marker.segment.size() >= bytes && std::memcmp(marker.segment.data(), name.data(), name.size()) == 0;
    };
    if (marker.code == jpeg_code::kApp0 && begins_with(kJfif, kJfifBytes)) jfif_ = true;
    if (marker.code == jpeg_code::kApp14 && begins_with(kAdobe, kAdobeBytes)) adobe_transform_ = marker.segment[kTransformAt];
    return marker.code == jpeg_code::kComment || (marker.code >= jpeg_code::kApp0 && marker.code <= jpeg_code::kApp15);
  }

  bool take_frame(Segment segment, bool progressive) {
    constexpr std::size_t kHeaderBytes = 6, kComponentBytes = 3;
    if (frame_.width != 0 || segment.size() < kHeaderBytes || segment[0] != 8) return false;
    frame_.height = number(segment, 1);
    frame_.width = number(segment, 3);
    frame_.components = segment[5];
    progressive_ = progressive;
    if (frame_.width < 1 || frame_.height < 1 || (frame_.components != 1 && frame_.components != kComponentsMax)) return false;
    if (segment.size() != kHeaderBytes + kComponentBytes * static_cast<std::size_t>(frame_.components)) return false;
    for (int i = 0; i < frame_.components; ++i) {
      const auto said = segment.subspan(kHeaderBytes + kComponentBytes * static_cast<std::size_t>(i), kComponentBytes);
      components_[static_cast<std::size_t>(i)] = {
          .id = said[0], .horizontal = said[1] >> 4, .vertical = said[1] & 15, .quantization = said[2], .blocks = 0, .lowest_bit = {}};
    }
    return has_ordinary_components() && is_within_limits();
  }

  bool has_ordinary_components() {
    const auto& luma = components_[0];
    const int most = frame_.components == 1 ? 1 : 2;
    if (luma.horizontal < 1 || luma.horizontal > most || luma.vertical < 1 || luma.vertical > most) return false;
    for (auto& component : components()) {
      if (component.quantization >= kTables) return false;
      if (&component != &luma && (component.horizontal != 1 || component.vertical != 1)) return false;
      component.blocks = divided(frame_.width * component.horizontal, 8 * luma.horizontal) *
                         divided(frame_.height * component.vertical, 8 * luma.vertical);
      component.lowest_bit.fill(kUnseen);
    }
    const int first_id = luma.id;
    return frame_.components == 1 || (first_id <= 1 && components_[1].id == first_id + 1 && components_[2].id == first_id + 2);
  }

  bool is_within_limits() const {
    return frame_.width <= limits_.side_max && frame_.height <= limits_.side_max &&
           static_cast<std::uint64_t>(frame_.width) * static_cast<std::uint64_t>(frame_.height) <= limits_.pixels_max;
  }

  bool take_quantization(Segment segment) {
    constexpr std::size_t kTableBytes = 1 + kCoefficients;
    if (frame_.scans > 0 || segment.empty() || segment.size() % kTableBytes != 0) return false;
    for (; !segment.empty(); segment = segment.subspan(kTableBytes)) {
      if (segment[0] >= kTables) return false;  // or of 16 bits
      quantization_[segment[0]] = true;
    }
    return true;
  }

  bool take_huffman(Segment segment) {
    constexpr std::size_t kLengths = 16, kSymbolsMax = 256;
    constexpr std::uint8_t kDcBitsMax = 11;  // of a difference of 8-bit samples
    if (segment.empty()) return false;
    while (!segment.empty()) {
      if (segment.size() < 1 + kLengths || (segment[0] >> 4) > 1 || (segment[0] & 15) >= kTables) return false;
      const bool ac = segment[0] >> 4 == 1;
      std::size_t symbols = 0, codes = 0;
      for (std::size_t length = 1; length <= kLengths; ++length) {
        symbols += segment[length];
        codes = 2 * codes + segment[length];
        if (codes >= std::size_t{1} << length && segment[length] > 0) return false;  // the code of only ones is none
      }
      if (symbols < 1 || symbols > kSymbolsMax || segment.size() < 1 + kLengths + symbols) return false;
      const auto said = segment.subspan(1 + kLengths, symbols);
      if (!ac && std::any_of(said.begin(), said.end(), [](std::uint8_t bits) { return bits > kDcBitsMax; })) return false;
      (ac ? ac_ : dc_)[segment[0] & 15] = true;
      segment = segment.subspan(1 + kLengths + symbols);
    }
    return true;
  }

  bool take_scan(Segment segment) {
    if (frame_.width == 0 || segment.empty() || frame_.scans >= kOrdinaryScansMax || (frame_.scans == 0 && !is_gray_or_ycbcr()))
      return false;
    const std::size_t count = segment[0];
    if ((count != 1 && count != static_cast<std::size_t>(frame_.components)) || segment.size() != 4 + 2 * count) return false;
    const auto end = segment.subspan(1 + 2 * count);
    const int first = end[0], last = end[1], high = end[2] >> 4, low = end[2] & 15;
    constexpr int kLowMax = 13;
    const bool whole = first == 0 && last == kCoefficients - 1 && high == 0 && low == 0;
    const bool part = last < kCoefficients && first <= last && (first == 0 ? last == 0 : count == 1) && low <= kLowMax;
    if (progressive_ ? !part : !whole) return false;
    if (frame_.scans == 0) interleaved_ = count == static_cast<std::size_t>(frame_.components);
    auto from = components_.begin();  // components stand in their order
    for (std::size_t i = 0; i < count; ++i) {
      from = std::find_if(from, components_.end(), [&](const auto& component) { return component.id == segment[1 + 2 * i]; });
      if (from - components_.begin() >= frame_.components) return false;
      if (!quantization_[static_cast<std::size_t>(from->quantization)]) return false;
      const int tables = segment[2 + 2 * i], dc = tables >> 4, ac = tables & 15;
      if (first == 0 && high == 0 && (dc >= kTables || !dc_[static_cast<std::size_t>(dc)])) return false;
      if (last > 0 && (ac >= kTables || !ac_[static_cast<std::size_t>(ac)])) return false;
      if (!refine(*from, first, last, high, low)) return false;
      visits_ += from->blocks;
      ++from;
    }
    ++frame_.scans;
    in_scan_ = true;
    restarts_ = 0;
    restarts_due_ = restart_interval_ == 0 ? 0 : (units(count, *(from - 1)) - 1) / static_cast<std::uint64_t>(restart_interval_);
    return true;
  }

  // What restart intervals count: a block of a component alone, or one of all components' smallest common rectangles.
  std::uint64_t units(std::size_t components, const Component& last) const {
    if (components == 1) return last.blocks;
    return divided(frame_.width, 8 * components_[0].horizontal) * divided(frame_.height, 8 * components_[0].vertical);
  }

  // A scan must add to what is known of its coefficients: the DC before the others, and one bit after the other.
  static bool refine(Component& component, int first, int last, int high, int low) {
    if (first > 0 && component.lowest_bit[0] == kUnseen) return false;
    for (auto i = static_cast<std::size_t>(first); i <= static_cast<std::size_t>(last); ++i) {
      auto& known = component.lowest_bit[i];
      if (known == kUnseen ? high != 0 : known != high || low != high - 1) return false;
      known = low;
    }
    return true;
  }

  // The colours as libjpeg's default_decompress_parms() takes them, where nobody can take them otherwise.
  bool is_gray_or_ycbcr() const {
    if (frame_.components == 1) return true;
    constexpr int kYcbcr = 1;
    if (adobe_transform_) return *adobe_transform_ == kYcbcr;
    return jfif_ || components_[0].id == 1;
  }

  std::optional<OrdinaryJpeg> result(std::size_t end) {
    if (frame_.scans == 0 || end > limits_.bytes_max || file_.size() > limits_.bytes_max) return std::nullopt;
    std::uint64_t blocks = 0;
    for (const auto& component : components()) {
      if (!component.is_complete()) return std::nullopt;
      blocks += component.blocks;
    }
    if (progressive_ || !interleaved_) {
      const auto permitted = scan_limits(blocks, file_.size(), limits_);
      if (blocks * kCoefficientBytesOfBlock > permitted.coefficient_bytes || visits_ > permitted.blocks) return std::nullopt;
    }
    frame_.bytes = end;
    return frame_;
  }

  std::span<Component> components() { return std::span(components_).first(static_cast<std::size_t>(frame_.components)); }

  std::span<const std::uint8_t> file_;
  const ImageLimits& limits_;
  OrdinaryJpeg frame_;
  bool progressive_ = false, jfif_ = false;
  bool interleaved_ = false;  // the first scan
  std::optional<int> adobe_transform_;
  std::array<Component, kComponentsMax> components_;
  std::array<bool, kTables> quantization_{}, dc_{}, ac_{};
  std::uint64_t visits_ = 0;  // to blocks, by all scans
  int restart_interval_ = 0;  // 0: none
  bool in_scan_ = false;
  std::uint64_t restarts_ = 0, restarts_due_ = 0;  // of this scan
};

}  // namespace

std::optional<OrdinaryJpeg> inspect_ordinary_jpeg(std::span<const std::uint8_t> file, const ImageLimits& limits) {
  return Inspection(file, limits).run();
}

}  // namespace clipdex::encoder
