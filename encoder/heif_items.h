// What decoding a HEIF picture will be made of, from its items alone. Private to encoder/.
#pragma once

#include <libheif/heif.h>

#include <cstddef>
#include <cstdint>

namespace clipdex::encoder {

// libheif bounds the size of every item, but not how often a derived one (ISO/IEC 23008-12, 6.6) has others decoded: a grid may name one
// picture in all of its cells, or grids in turn. Follows from the item what it is derived from and its alpha. Permitted are pictures coded
// as HEVC and AV1, grids and identities, in all: one for every 65,536 of the picture's pixels and 256 more, four times its pixels, and
// little more coded data than the file has bytes. Overlays are refused: libheif fills their canvas before it looks at what comes there.
// pixels: of the picture, padding included. Throws ImageError.
void check_items(heif_context* context, heif_item_id item, std::uint64_t pixels, std::size_t file_bytes);

}  // namespace clipdex::encoder
