# Before the other dependencies: CMake's CUDA language and the toolkit. Nothing is fetched.
# An option of our own: LibTorch's package configuration sets CMAKE_CUDA_ARCHITECTURES itself.
set(CLIPDEX_CUDA_ARCHITECTURES "80;90" CACHE STRING
    "GPUs to compile for: 80 is A100, 86 RTX 30, 89 RTX 40 and L4, 90 H100 and H200, 100 B200")
set(CMAKE_CUDA_ARCHITECTURES "${CLIPDEX_CUDA_ARCHITECTURES}")
string(REGEX REPLACE "([0-9])(;|$)" ".\\1\\2" TORCH_CUDA_ARCH_LIST "${CLIPDEX_CUDA_ARCHITECTURES}")
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "CLIPDEX_CUDA: there is no nvcc. Install the CUDA toolkit 12.6 or newer, or name it: -DCMAKE_CUDA_COMPILER=/path/to/nvcc")
endif()
enable_language(CUDA)
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
find_package(CUDAToolkit 12.6 REQUIRED)
# PyTorch's own builds of LibTorch export parts of an older C++ library, std::filesystem among them, which crash where they are found first.
add_link_options("SHELL:-Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state")
# Of the toolkit, too, but a package of its own in most distributions.
find_path(CLIPDEX_NVJPEG_INCLUDE nvjpeg.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
set(CLIPDEX_NVJPEG OFF)
if(TARGET CUDA::nvjpeg AND CLIPDEX_NVJPEG_INCLUDE)
  set(CLIPDEX_NVJPEG ON)
else()
  message(STATUS "CLIPDEX_CUDA: the toolkit has no nvJPEG (conda's libnvjpeg-dev): JPEGs will be decoded by the CPU alone (docs/gpu.md)")
endif()

# After them: what was found must have CUDA.
function(clipdex_check_cuda)
  if(NOT TARGET torch_cuda)
    message(FATAL_ERROR "CLIPDEX_CUDA: the LibTorch in ${TORCH_INSTALL_PREFIX} has no CUDA, as Debian's. Name one that has: "
                        "-DCMAKE_PREFIX_PATH=/path/to/libtorch (docs/gpu.md)")
  endif()
  get_target_property(includes faiss INTERFACE_INCLUDE_DIRECTORIES)
  find_path(CLIPDEX_FAISS_GPU faiss/gpu/GpuDistance.h HINTS ${includes})
  if(NOT CLIPDEX_FAISS_GPU)
    message(FATAL_ERROR "CLIPDEX_CUDA: the FAISS in ${faiss_DIR} has no GPU part, as Debian's. Name one that was built with "
                        "FAISS_ENABLE_GPU: -Dfaiss_ROOT=/path/to/faiss (docs/gpu.md)")
  endif()

  # A FAISS that was built with cuVS says so to whoever uses it. Its header of CAGRA is there without, too, but nothing behind it.
  get_target_property(definitions faiss INTERFACE_COMPILE_DEFINITIONS)
  set(has_cuvs OFF)
  if("${definitions}" MATCHES "USE_NVIDIA_CUVS")
    set(has_cuvs ON)
    find_package(cuvs REQUIRED)
  endif()
  if("${definitions}" MATCHES "FAISS_CUVS_NO_CAGRA")
    set(has_cuvs OFF)
  endif()
  option(CLIPDEX_CUVS "Graphs on the GPU (CAGRA): needs a FAISS that was built with cuVS" ${has_cuvs})
  if(CLIPDEX_CUVS AND NOT has_cuvs)
    message(FATAL_ERROR "CLIPDEX_CUVS: the FAISS in ${faiss_DIR} was built without cuVS. Name one that has it: "
                        "-Dfaiss_ROOT=/path/to/faiss (docs/gpu.md)")
  endif()
endfunction()
