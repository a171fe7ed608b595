// PyTorch eager on a GPU, as gpu_peers.py runs it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace clipdex::benchmarks {

// Median seconds by case ("image:BATCH", "text:BATCH:TOKENS") of a model of the directory's shape. What could not be run is missing, and
// a line on stdout says why.
std::map<std::string, double> time_in_pytorch(const std::filesystem::path& directory, int device, const std::string& precision,
                                              const std::vector<std::string>& cases);

}  // namespace clipdex::benchmarks
