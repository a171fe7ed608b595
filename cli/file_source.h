// Picture files, with the metadata that a file beside them gives.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/input.h"
#include "cli/input_files.h"

namespace clipdex::cli {

class FileSource : public InputSource {
 public:
  // metadata: JSON objects by InputFile::name. Files of more than `bytes_max` are not read.
  FileSource(std::vector<InputFile> files, std::map<std::string, std::string> metadata, IdFrom id_from, std::size_t bytes_max);
  std::optional<Input> next() override;
  std::optional<std::size_t> count() const override { return files_.size(); }

 private:
  std::vector<InputFile> files_;
  std::map<std::string, std::string> metadata_;
  IdFrom id_from_;
  std::size_t bytes_max_;
  std::size_t at_ = 0;
  std::map<std::string, std::filesystem::path> seen_;  // by name: where the first file of that name lies
};

}  // namespace clipdex::cli
