#include <turbojpeg.h>

#include <memory>
#include <stdexcept>
#include <type_traits>

#include "encoder/jpeg.h"

namespace clipdex::encoder {
namespace {

struct Destroy {
  void operator()(void* handle) const { ::tjDestroy(handle); }
};

}  // namespace

std::string encode_jpeg(const Image& rgb, int quality) {
  const std::unique_ptr<std::remove_pointer_t<tjhandle>, Destroy> handle(::tjInitCompress());
  unsigned char* data = nullptr;
  unsigned long size = 0;
  const int result = handle ? ::tjCompress2(handle.get(), rgb.pixels.data(), rgb.width, /*pitch=*/0, rgb.height, TJPF_RGB, &data, &size,
                                            TJSAMP_420, quality, /*flags=*/0)
                            : -1;
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(data, ::tjFree);
  if (result != 0) throw std::runtime_error("a thumbnail cannot be encoded as JPEG");
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace clipdex::encoder
