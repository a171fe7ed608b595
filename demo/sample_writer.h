// Pictures with their metadata, as files. The home of libarchive in the demo.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "encoder/new_directory.h"

namespace clipdex::demo {

struct Sample {
  std::string key;
  std::string jpeg;
  std::string metadata;  // a JSON object without a line's end
};

// One thread at a time. Errors throw std::runtime_error that names the file and the reason.
class SampleWriter {
 public:
  virtual ~SampleWriter() = default;
  virtual void add(const Sample& sample) = 0;
  virtual void finish() = 0;
};

// KEY.jpg and metadata.jsonl, a line a picture that begins with "file": what "clipdex ingest DIR --metadata" takes.
std::unique_ptr<SampleWriter> write_files(const encoder::NewDirectory& directory);

// webdataset: shard-000000.tar and so on, `samples_per_shard` pictures each, KEY.jpg before KEY.json. The same samples make the same bytes.
std::unique_ptr<SampleWriter> write_tars(const encoder::NewDirectory& directory, std::size_t samples_per_shard);

}  // namespace clipdex::demo
