// Files into a collection and text queries out of it, through the whole engine with its model and its vectors on a GPU.
#pragma once

#include <filesystem>

#include "benchmarks/random_checkpoint.h"

namespace clipdex::benchmarks {

// model_directory: as write_random_checkpoint() makes it. data: where collections go; it is made, on the disk that is to be measured.
void measure_ingest(const RandomCheckpoint& model, const std::filesystem::path& model_directory, const std::filesystem::path& data,
                    int device);

}  // namespace clipdex::benchmarks
