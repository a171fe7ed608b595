#include "encoder/cuda/jpeg_decoder.h"

#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>
#include <nvjpeg.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "encoder/cuda/reduce.h"

namespace clipdex::encoder {
namespace {

// As many as a large GPU has engines, and one that is read back.
constexpr std::size_t kPlacesMax = 8;
// Of the GPU's memory: all places together, and what is left free.
constexpr std::size_t kMemoryShare = 16;
// For a sample of a picture: a coefficient, the decoded plane and the result.
constexpr std::uint64_t kBytesPerSample = 4;

struct Destroy {
  void operator()(nvjpegHandle* of) const { ::nvjpegDestroy(of); }
  void operator()(nvjpegJpegDecoder* of) const { ::nvjpegDecoderDestroy(of); }
  void operator()(nvjpegJpegState* of) const { ::nvjpegJpegStateDestroy(of); }
  void operator()(nvjpegJpegStream* of) const { ::nvjpegJpegStreamDestroy(of); }
  void operator()(nvjpegDecodeParams* of) const { ::nvjpegDecodeParamsDestroy(of); }
  void operator()(nvjpegBufferPinned* of) const { ::nvjpegBufferPinnedDestroy(of); }
  void operator()(nvjpegBufferDevice* of) const { ::nvjpegBufferDeviceDestroy(of); }
  void operator()(CUstream_st* of) const { ::cudaStreamDestroy(of); }
  void operator()(CUevent_st* of) const { ::cudaEventDestroy(of); }
};
template <typename T>
using Owned = std::unique_ptr<T, Destroy>;

[[noreturn]] void fail(const char* step, nvjpegStatus_t status) {
  throw std::runtime_error("nvJPEG's error " + std::to_string(static_cast<int>(status)) + " in " + step);
}

[[noreturn]] void fail(const char* step, cudaError_t error) {
  throw std::runtime_error(std::string(cudaGetErrorString(error)) + ", in " + step + " of nvJPEG's");
}

// `create(&made)` of one of the libraries' objects.
template <typename T, typename Create>
Owned<T> make(const char* step, const Create& create) {
  T* made = nullptr;
  if (const auto status = create(&made); status != decltype(status){}) fail(step, status);
  return Owned<T>(made);
}

// Of the file, or of memory that is short: the next one may be decoded. Other errors are the device's.
bool is_about_file(nvjpegStatus_t status) {
  switch (status) {
    case NVJPEG_STATUS_INVALID_PARAMETER:
    case NVJPEG_STATUS_BAD_JPEG:
    case NVJPEG_STATUS_JPEG_NOT_SUPPORTED:
    case NVJPEG_STATUS_ALLOCATOR_FAILURE:
    case NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED:
    case NVJPEG_STATUS_INCOMPLETE_BITSTREAM:
      return true;
    default:
      return false;
  }
}

// False: this file is not decoded here.
bool went_well(const char* step, nvjpegStatus_t status) {
  if (status == NVJPEG_STATUS_SUCCESS || is_about_file(status)) return status == NVJPEG_STATUS_SUCCESS;
  fail(step, status);
}

bool went_well(const char* step, cudaError_t error) {
  if (error == cudaSuccess || error == cudaErrorMemoryAllocation) return error == cudaSuccess;
  fail(step, error);
}

// Grown as needed and kept.
class Buffer {
 public:
  using Allocate = cudaError_t (*)(void**, std::size_t);
  using Free = cudaError_t (*)(void*);
  Buffer(Allocate allocate, Free free) : allocate_(allocate), memory_(nullptr, free) {}

  // False: there is no memory for it.
  bool grow(std::size_t bytes) {
    if (bytes <= bytes_) return true;
    memory_.reset();
    bytes_ = 0;
    void* memory = nullptr;
    if (!went_well("allocating", allocate_(&memory, bytes))) return false;
    memory_.reset(memory);
    bytes_ = bytes;
    return true;
  }

  std::uint8_t* data() const { return static_cast<std::uint8_t*>(memory_.get()); }

 private:
  Allocate allocate_;
  std::unique_ptr<void, Free> memory_;
  std::size_t bytes_ = 0;
};

cudaError_t allocate_on_device(void** memory, std::size_t bytes) { return ::cudaMalloc(memory, bytes); }
cudaError_t allocate_pinned(void** memory, std::size_t bytes) { return ::cudaMallocHost(memory, bytes); }

// One way to decode, and what it knows of the picture at hand.
struct Backend {
  Owned<nvjpegJpegDecoder> decoder;
  Owned<nvjpegJpegState> state;
  int failures = 0;  // that were not the files'
};
// After which the next backend does its work: engines may be there and not to be used, as in some containers.
constexpr int kBackendFailuresMax = 3;

// What one picture at a time is decoded with. One thread at a time, with the GPU current.
class Slot {
 public:
  explicit Slot(nvjpegHandle* library)
      : library_(library),
        stream_(make<CUstream_st>("making a stream", [](auto** to) { return ::cudaStreamCreateWithFlags(to, cudaStreamNonBlocking); })),
        // Whoever waits sleeps: its core is for others.
        done_(make<CUevent_st>("making an event",
                               [](auto** to) { return ::cudaEventCreateWithFlags(to, cudaEventBlockingSync | cudaEventDisableTiming); })),
        header_(make<nvjpegJpegStream>("making a parser", [&](auto** to) { return ::nvjpegJpegStreamCreate(library, to); })),
        parameters_(make<nvjpegDecodeParams>("making parameters", [&](auto** to) { return ::nvjpegDecodeParamsCreate(library, to); })),
        pinned_(make<nvjpegBufferPinned>("making a buffer", [&](auto** to) { return ::nvjpegBufferPinnedCreate(library, nullptr, to); })),
        device_(make<nvjpegBufferDevice>("making a buffer", [&](auto** to) { return ::nvjpegBufferDeviceCreate(library, nullptr, to); })) {
    // One scan is the GPU's: its engines', which not all GPUs have and which do not take every subsampling, or its kernels'.
    for (const auto backend : {NVJPEG_BACKEND_HARDWARE, NVJPEG_BACKEND_GPU_HYBRID}) add(single_scan_, backend);
    add(several_scans_, NVJPEG_BACKEND_HYBRID);
    if (single_scan_.empty() && several_scans_.empty()) throw std::runtime_error("nvJPEG has nothing that this GPU can do");
  }

  std::optional<Pixels> decode(std::span<const std::uint8_t> file, const OrdinaryJpeg& jpeg, int reduction) {
    const Settled settled(stream_.get());
    const auto side = [reduction](int whole) { return static_cast<std::size_t>((whole + reduction - 1) / reduction); };
    const auto channels = static_cast<std::size_t>(jpeg.components);
    const std::size_t stride = static_cast<std::size_t>(jpeg.width) * channels;
    const std::size_t whole_bytes = stride * static_cast<std::size_t>(jpeg.height);
    const std::size_t bytes = side(jpeg.width) * side(jpeg.height) * channels;
    if (!parse(file, jpeg) || !reserve(whole_bytes, bytes, reduction)) return std::nullopt;

    nvjpegImage_t destination{};
    destination.channel[0] = whole_.data();
    destination.pitch[0] = stride;
    // Of a damaged file nvJPEG may leave parts as they were: no one is to see another's picture there.
    if (!went_well("clearing", ::cudaMemsetAsync(whole_.data(), 0, whole_bytes, stream_.get()))) return std::nullopt;
    if (!run(jpeg.scans == 1 ? single_scan_ : several_scans_, destination)) return std::nullopt;
    if (reduction > 1) {
      ::cudaGetLastError();  // what nvJPEG met on its way, and told by its status if it mattered
      launch_reduction({.from = whole_.data(),
                        .to = reduced_.data(),
                        .width = jpeg.width,
                        .height = jpeg.height,
                        .channels = jpeg.components,
                        .reduction = reduction},
                       stream_.get());
    }
    const auto* from = reduction > 1 ? reduced_.data() : whole_.data();
    if (!went_well("copying", ::cudaMemcpyAsync(fetched_.data(), from, bytes, cudaMemcpyDeviceToHost, stream_.get())) ||
        !went_well("recording", ::cudaEventRecord(done_.get(), stream_.get())) ||
        !went_well("decoding", ::cudaEventSynchronize(done_.get())))
      return std::nullopt;
    Pixels pixels(bytes);
    std::memcpy(pixels.data(), fetched_.data(), bytes);
    return pixels;
  }

 private:
  // However a call ends, nothing is under way when it has, and no error is left for who calls CUDA next on this thread.
  class Settled {
   public:
    explicit Settled(cudaStream_t stream) : stream_(stream) {}
    ~Settled() {
      ::cudaStreamSynchronize(stream_);
      ::cudaGetLastError();
    }
    Settled(const Settled&) = delete;
    Settled& operator=(const Settled&) = delete;

   private:
    cudaStream_t stream_;
  };

  // Backends that this GPU or this version of nvJPEG has not are left out. All share two buffers: one works at a time.
  void add(std::vector<Backend>& to, nvjpegBackend_t kind) {
    nvjpegJpegDecoder* decoder = nullptr;
    if (::nvjpegDecoderCreate(library_, kind, &decoder) != NVJPEG_STATUS_SUCCESS || decoder == nullptr) return;
    Backend backend{.decoder = Owned<nvjpegJpegDecoder>(decoder), .state = {}};
    nvjpegJpegState* state = nullptr;
    if (::nvjpegDecoderStateCreate(library_, decoder, &state) != NVJPEG_STATUS_SUCCESS || state == nullptr) return;
    backend.state.reset(state);
    if (::nvjpegStateAttachPinnedBuffer(state, pinned_.get()) != NVJPEG_STATUS_SUCCESS ||
        ::nvjpegStateAttachDeviceBuffer(state, device_.get()) != NVJPEG_STATUS_SUCCESS)
      return;
    to.push_back(std::move(backend));
  }

  // False: nvJPEG reads the header otherwise than we do, or not at all.
  bool parse(std::span<const std::uint8_t> file, const OrdinaryJpeg& jpeg) {
    unsigned width = 0, height = 0, components = 0;
    const auto format = jpeg.components == 1 ? NVJPEG_OUTPUT_Y : NVJPEG_OUTPUT_RGBI;
    if (!went_well("parsing",
                   ::nvjpegJpegStreamParse(library_, file.data(), file.size(), /*save_metadata=*/0, /*save_stream=*/0, header_.get())) ||
        !went_well("parsing", ::nvjpegJpegStreamGetFrameDimensions(header_.get(), &width, &height)) ||
        !went_well("parsing", ::nvjpegJpegStreamGetComponentsNum(header_.get(), &components)) ||
        !went_well("parsing", ::nvjpegDecodeParamsSetOutputFormat(parameters_.get(), format)))
      return false;
    return width == static_cast<unsigned>(jpeg.width) && height == static_cast<unsigned>(jpeg.height) &&
           components == static_cast<unsigned>(jpeg.components);
  }

  nvjpegStatus_t run(const Backend& backend, nvjpegImage_t& destination) {
    int unsupported = 1;  // 0 means that it is supported
    const auto asked = ::nvjpegDecoderJpegSupported(backend.decoder.get(), header_.get(), parameters_.get(), &unsupported);
    if (asked != NVJPEG_STATUS_SUCCESS) return asked;
    if (unsupported != 0) return NVJPEG_STATUS_JPEG_NOT_SUPPORTED;
    return ::nvjpegDecodeJpeg(library_, backend.decoder.get(), backend.state.get(), header_.get(), &destination, parameters_.get(),
                              stream_.get());
  }

  // The first backend that decodes what was parsed; false: none does.
  bool run(std::vector<Backend>& backends, nvjpegImage_t& destination) {
    for (auto backend = backends.begin(); backend != backends.end();) {
      const auto status = run(*backend, destination);
      if (status == NVJPEG_STATUS_SUCCESS) return true;
      if (std::next(backend) == backends.end()) return went_well("decoding", status);
      {
        const Settled settled(stream_.get());
      }  // before the next one uses the same memory, and before this one may go
      const bool useless = !is_about_file(status) && ++backend->failures >= kBackendFailuresMax;
      backend = useless ? backends.erase(backend) : std::next(backend);
    }
    return false;
  }

  // False: there is no memory for a picture of so many bytes. The GPU's last share is for others, who may not do without.
  bool reserve(std::size_t whole_bytes, std::size_t bytes, int reduction) {
    const std::size_t needed = kBytesPerSample * whole_bytes;
    if (needed > taken_) {
      std::size_t free = 0, total = 0;
      if (!went_well("asking for memory", ::cudaMemGetInfo(&free, &total)) || free < needed - taken_ + total / kMemoryShare) return false;
      taken_ = needed;
    }
    return whole_.grow(whole_bytes) && (reduction == 1 || reduced_.grow(bytes)) && fetched_.grow(bytes);
  }

  nvjpegHandle* library_;
  Owned<CUstream_st> stream_;
  Owned<CUevent_st> done_;
  Owned<nvjpegJpegStream> header_;
  Owned<nvjpegDecodeParams> parameters_;
  Owned<nvjpegBufferPinned> pinned_;
  Owned<nvjpegBufferDevice> device_;
  std::vector<Backend> single_scan_, several_scans_;  // the better ones first
  Buffer whole_{allocate_on_device, ::cudaFree}, reduced_{allocate_on_device, ::cudaFree}, fetched_{allocate_pinned, ::cudaFreeHost};
  std::size_t taken_ = 0;  // of the GPU's memory, at most
};

class CudaJpegDecoder : public DeviceDecoder {
 public:
  explicit CudaJpegDecoder(int device) : device_(static_cast<c10::DeviceIndex>(device)) {
    const c10::cuda::CUDAGuard guard(device_);
    // Chroma is interpolated, as libjpeg-turbo's fancy upsampling does it; what only resembles a JPEG is refused.
    library_ = make<nvjpegHandle>("starting", [](auto** to) {
      return ::nvjpegCreateEx(NVJPEG_BACKEND_DEFAULT, nullptr, nullptr,
                              NVJPEG_FLAGS_UPSAMPLING_WITH_INTERPOLATION | NVJPEG_FLAGS_BITSTREAM_STRICT, to);
    });
    std::size_t free = 0, total = 0;
    if (const auto error = ::cudaMemGetInfo(&free, &total); error != cudaSuccess) fail("asking for memory", error);
    constexpr std::size_t kBytesOfPlace = kBytesPerSample * 3 * kDevicePixelsMax;
    const std::size_t places = std::clamp<std::size_t>(total / kMemoryShare / kBytesOfPlace, 1, kPlacesMax);
    for (std::size_t i = 0; i < places; ++i) {
      slots_.push_back(std::make_unique<Slot>(library_.get()));
      free_.push_back(slots_.back().get());
    }
  }
  CudaJpegDecoder(const CudaJpegDecoder&) = delete;
  CudaJpegDecoder& operator=(const CudaJpegDecoder&) = delete;

  ~CudaJpegDecoder() override {
    const c10::cuda::CUDAGuard guard(device_);
    slots_.clear();
    library_.reset();
  }

  std::size_t places() const override { return slots_.size(); }

  std::optional<Pixels> decode(std::span<const std::uint8_t> file, const OrdinaryJpeg& jpeg, int reduction) override {
    const Place place(*this);
    if (place.slot == nullptr) return std::nullopt;
    const c10::cuda::CUDAGuard guard(device_);
    return place.slot->decode(file, jpeg, reduction);
  }

 private:
  // A slot of one's own, if one is free.
  struct Place {
    explicit Place(CudaJpegDecoder& its_owner) : owner(its_owner) {
      const std::lock_guard lock(owner.mutex_);
      if (owner.free_.empty()) return;
      slot = owner.free_.back();
      owner.free_.pop_back();
    }
    ~Place() {
      const std::lock_guard lock(owner.mutex_);
      if (slot != nullptr) owner.free_.push_back(slot);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    CudaJpegDecoder& owner;
    Slot* slot = nullptr;
  };

  c10::DeviceIndex device_;
  Owned<nvjpegHandle> library_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::mutex mutex_;
  std::vector<Slot*> free_;
};

}  // namespace

std::unique_ptr<DeviceDecoder> make_cuda_jpeg_decoder(int device) { return std::make_unique<CudaJpegDecoder>(device); }

}  // namespace clipdex::encoder
