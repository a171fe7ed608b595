#include "datasets/dataset.h"

#include <algorithm>
#include <exception>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "datasets/brace_range.h"
#include "datasets/caption_file.h"
#include "datasets/image_folder_source.h"
#include "datasets/json_lines_source.h"
#include "datasets/picture_names.h"
#include "datasets/table_source.h"
#include "datasets/text.h"
#include "datasets/webdataset_source.h"

namespace clipdex::datasets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShardsMax = 1'000'000;

// Makes what goes wrong in a source, from its opening on, its last sample; and the lack of any sample too.
class GuardedSource : public CaptionedImageSource {
 public:
  using Opener = std::function<std::unique_ptr<CaptionedImageSource>()>;
  GuardedSource(std::string name, Opener open) : name_(std::move(name)), open_(std::move(open)) {}

  std::optional<CaptionedImage> next() override {
    if (ended_) return std::nullopt;
    try {
      if (!source_) source_ = open_();
      auto image = source_->next();
      ended_ = !image;
      if (image || any_) {
        any_ = true;
        return image;
      }
      return failure("there is no picture in it");
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      return failure(error.what());
    }
  }

 private:
  CaptionedImage failure(std::string reason) {
    ended_ = true;
    CaptionedImage image;
    image.where = name_;
    image.error = std::move(reason);
    return image;
  }

  std::string name_;
  Opener open_;
  std::unique_ptr<CaptionedImageSource> source_;
  bool ended_ = false, any_ = false;
};

// One shard after the other.
class AllShards : public CaptionedImageSource {
 public:
  explicit AllShards(Dataset dataset) : dataset_(std::move(dataset)) {}

  std::optional<CaptionedImage> next() override {
    while (true) {
      if (!source_) {
        if (shard_ == dataset_.shards().size()) return std::nullopt;
        source_ = dataset_.open_shard(shard_++);
      }
      if (auto image = source_->next()) return image;
      source_.reset();
    }
  }

 private:
  Dataset dataset_;
  std::size_t shard_ = 0;
  std::unique_ptr<CaptionedImageSource> source_;
};

// "a::b" -> a, b
std::vector<std::string> split_mixture(const std::string& word) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (auto end = word.find("::"); end != std::string::npos; end = word.find("::", begin)) {
    parts.push_back(word.substr(begin, end - begin));
    begin = end + 2;
  }
  parts.push_back(word.substr(begin));
  return parts;
}

std::vector<fs::path> tars_in(const fs::path& folder) {
  std::vector<fs::path> tars;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (is_tar_name(name) && !name.starts_with('.')) tars.push_back(entry->path());
  }
  if (error) throw std::invalid_argument("cannot read the folder " + as_text(folder.string()) + ": " + error.message());
  std::sort(tars.begin(), tars.end());
  return tars;
}

}  // namespace

// Turns words into shards.
class DatasetBuilder {
 public:
  explicit DatasetBuilder(const DatasetOptions& options) : options_(options) {}

  void add_word(const std::string& word) {
    std::error_code ignored;
    if (fs::exists(word, ignored)) return add_path(word);
    for (const auto& part : split_mixture(word)) {
      if (part.empty()) throw std::invalid_argument("\"" + as_text(word) + "\" names nothing on one side of ::");
      for (const auto& path : fs::exists(part, ignored) ? std::vector{part} : expand_brace_ranges(part)) add_path(path);
    }
  }

  Dataset finish() {
    if (dataset_.names_.empty()) throw std::invalid_argument("there is no data: name webdataset tars, tables, JSON files or folders");
    if (!options_.splits.empty() && !any_caption_file_)
      throw std::invalid_argument("splits can be chosen from Karpathy's .json files alone, and none was named");
    return std::move(dataset_);
  }

 private:
  void add_path(const fs::path& path) {
    const auto name = as_text(path.string());
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status)) {
      const bool remote = name.starts_with("pipe:") || name.find("://") != std::string::npos;
      throw std::invalid_argument("there is no file or folder " + name +
                                  (remote ? ": data is read from this machine, so copy it here first" : ""));
    }
    if (fs::is_directory(status)) return add_folder(path);
    if (!fs::is_regular_file(status))
      throw std::invalid_argument(name + " is not a regular file: data is read more than once, so copy it to one");
    const auto ending = lower_ascii(path.extension().string());
    if (is_tar_name(name)) return add_tar(path);
    if (ending == ".csv" || ending == ".tsv" || ending == ".txt") return add_table(path);
    if (ending == ".jsonl" || ending == ".ndjson") return add_json_lines(path);
    if (ending == ".json") return add_caption_file(path);
    throw std::invalid_argument(
        name + " is of no kind that is known: .tar, .tar.gz, .tgz, .tar.zst, .csv, .tsv, .txt, .jsonl, .ndjson and .json are");
  }

  void add_folder(const fs::path& folder) {
    const auto tars = tars_in(folder);
    if (!tars.empty()) {
      for (const auto& tar : tars) add_path(tar);
      return;
    }
    const auto classes = class_folders(folder);
    // The first picture ends the search.
    const auto first = ImageFolderSource(folder, classes).next();
    if (!first)
      throw std::invalid_argument("the folder " + as_text(folder.string()) +
                                  " holds neither tars nor a folder with pictures for each class; other data is named by its files");
    add(folder, [folder, classes] { return std::make_unique<ImageFolderSource>(folder, classes); });
  }

  void add_tar(const fs::path& tar) {
    add(tar, [tar, options = shared()] { return std::make_unique<WebdatasetSource>(tar, *options); });
  }

  void add_table(const fs::path& table) {
    add(table, [table, root = root_of(table), layout = read_table_layout(table, options_)] {
      return std::make_unique<TableSource>(table, root, layout);
    });
  }

  void add_json_lines(const fs::path& file) {
    static_cast<void>(JsonLinesSource(file, {}, options_));  // it can be read
    add(file, [file, root = root_of(file), options = shared()] { return std::make_unique<JsonLinesSource>(file, root, *options); });
  }

  void add_caption_file(const fs::path& file) {
    any_caption_file_ = true;
    auto content = std::make_shared<const CaptionFile>(read_caption_file(file, options_.splits));
    add(file, [content, name = as_text(file.string()), root = root_of(file)] {
      return std::make_unique<CaptionFileSource>(content, name, root);
    });
  }

  void add(const fs::path& path, Dataset::Opener open) {
    if (dataset_.names_.size() == kShardsMax) throw std::invalid_argument("there are more than 1,000,000 shards");
    dataset_.names_.push_back(as_text(path.string()));
    dataset_.openers_.push_back(std::move(open));
  }

  fs::path root_of(const fs::path& file) const {
    if (options_.image_root.empty()) return file.parent_path();
    std::error_code error;
    if (!fs::is_directory(options_.image_root, error))
      throw std::invalid_argument("there is no folder " + as_text(options_.image_root.string()) + " to find pictures in");
    return options_.image_root;
  }

  // One copy for all shards.
  std::shared_ptr<const DatasetOptions> shared() {
    if (!shared_) shared_ = std::make_shared<const DatasetOptions>(options_);
    return shared_;
  }

  const DatasetOptions& options_;
  std::shared_ptr<const DatasetOptions> shared_;
  Dataset dataset_;
  bool any_caption_file_ = false;
};

Dataset Dataset::open(const std::vector<std::string>& words, const DatasetOptions& options) {
  DatasetBuilder builder(options);
  for (const auto& word : words) builder.add_word(word);
  return builder.finish();
}

std::unique_ptr<CaptionedImageSource> Dataset::open_all() const { return std::make_unique<AllShards>(*this); }

std::unique_ptr<CaptionedImageSource> Dataset::open_shard(std::size_t shard) const {
  return std::make_unique<GuardedSource>(names_.at(shard), openers_.at(shard));
}

}  // namespace clipdex::datasets
