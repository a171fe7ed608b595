// Writes safetensors files for tests: valid ones, and ones with a chosen defect.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace clipdex::tests {

struct TensorData {
  std::string dtype;  // "F32", "F16", ...
  std::vector<std::int64_t> shape;
  std::string bytes;
};

inline TensorData float_tensor(std::vector<std::int64_t> shape, const std::vector<float>& values) {
  TensorData tensor{"F32", std::move(shape), std::string(values.size() * sizeof(float), '\0')};
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

inline void write_file(const std::filesystem::path& file, const std::string& header, const std::string& data) {
  const std::uint64_t size = header.size();
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  std::ofstream(file, std::ios::binary) << bytes << header << data;
}

inline void write_safetensors(const std::filesystem::path& file, const std::map<std::string, TensorData>& tensors) {
  nlohmann::json header = nlohmann::json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {data.size(), data.size() + tensor.bytes.size()}}};
    data += tensor.bytes;
  }
  write_file(file, header.dump(), data);
}

}  // namespace clipdex::tests
