#include "demo/gallery.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "demo/drawing.h"
#include "demo/sample_writer.h"
#include "encoder/core_budget.h"
#include "encoder/new_directory.h"
#include "encoder/thumbnail.h"

namespace clipdex::demo {
namespace {

namespace fs = std::filesystem;

constexpr int kSideMax = 2048;
constexpr int kTrainingSide = 96, kShownSide = 256;
constexpr std::size_t kPicturesMax = 100'000'000;

void check(const fs::path& out, const GalleryOptions& options) {
  if (options.side != 0 && (options.side < 16 || options.side > kSideMax))
    throw std::invalid_argument("--side is 16 to " + std::to_string(kSideMax) + " pixels");
  if (options.quality < 1 || options.quality > 100) throw std::invalid_argument("--quality is 1 to 100");
  if (options.set.scenes_percent < 0 || options.set.scenes_percent > 100) throw std::invalid_argument("--scenes is 0 to 100");
  if (options.set.captions < 1 || options.set.captions > 20) throw std::invalid_argument("--captions is 1 to 20");
  if (options.set.count > kPicturesMax) throw std::invalid_argument("--count is at most " + std::to_string(kPicturesMax));
  if (options.samples_per_shard == 0) throw std::invalid_argument("--shard-size is at least 1");
  std::error_code error;
  if (!options.replace && fs::exists(out, error) && !fs::is_empty(out, error))
    throw std::invalid_argument(out.string() + " is there already: --replace removes it first");
}

// "caption" in the first language, "caption_zh" in the others; "captions" are all of them.
std::string metadata_of(const Picture& picture, const EmojiSet& set, bool with_keywords) {
  nlohmann::ordered_json metadata;
  auto captions = nlohmann::ordered_json::array();
  for (std::size_t language = 0; language < set.languages.size(); ++language) {
    std::string locale = set.languages[language];
    std::replace(locale.begin(), locale.end(), '-', '_');
    if (!picture.captions[language].empty()) metadata[language == 0 ? "caption" : "caption_" + locale] = picture.captions[language][0];
    for (const auto& caption : picture.captions[language]) captions.push_back(caption);
  }
  metadata["captions"] = std::move(captions);
  metadata["kind"] = picture.scene.arrangement == Arrangement::kSingle ? "single" : "scene";
  for (const auto& group : picture.scene.groups) {
    metadata["emoji"].push_back(set.emoji[group.emoji].sequence);
    if (!with_keywords) continue;
    for (const auto& keyword : set.emoji[group.emoji].english.keywords) metadata["keywords"].push_back(keyword);
  }
  return metadata.dump();
}

Sample sample_of(const Picture& picture, const EmojiSet& set, const GalleryOptions& options, int side) {
  const encoder::ThumbnailOptions jpeg{.side_max = side, .quality = options.quality};
  return {.key = picture.key,
          .jpeg = encoder::make_thumbnail(draw(picture.scene, set, side), jpeg),
          .metadata = metadata_of(picture, set, options.set.kind == SetKind::kGallery)};
}

// Calls make(0) to make(count - 1), each once; the first exception is thrown again when all threads have ended.
template <typename Make>
void in_parallel(std::size_t count, int threads, const Make& make) {
  std::atomic<std::size_t> next = 0;
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < count; i = next++) make(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

void show_progress(std::size_t done, std::size_t total) {
  if (::isatty(STDERR_FILENO) != 1) return;
  constexpr std::size_t kBarColumns = 30;
  const std::size_t filled = total == 0 ? kBarColumns : kBarColumns * done / total;
  std::fprintf(stderr, "\r\033[Kdrawing %zu/%zu [%s%s]", done, total, std::string(filled, '#').c_str(),
               std::string(kBarColumns - filled, '-').c_str());
  if (done == total) std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

}  // namespace

GalleryReport make_gallery(const fs::path& out, const GalleryOptions& options) {
  check(out, options);
  const EmojiSet emoji = load_emoji(options.sources, options.languages);
  const PictureSet set(emoji, options.set);
  const int side = options.side != 0 ? options.side : options.set.kind == SetKind::kTraining ? kTrainingSide : kShownSide;
  const int threads = options.threads > 0 ? options.threads : encoder::usable_cores();

  encoder::NewDirectory directory(out);
  const auto writer = options.tar ? write_tars(directory, options.samples_per_shard) : write_files(directory);
  // Drawn in batches and written in order.
  constexpr std::size_t kBatch = 512;
  std::vector<Sample> samples(kBatch);
  for (std::size_t first = 0; first < set.size(); first += kBatch) {
    const std::size_t count = std::min(kBatch, set.size() - first);
    in_parallel(count, threads, [&](std::size_t i) { samples[i] = sample_of(set.picture(first + i), emoji, options, side); });
    for (std::size_t i = 0; i < count; ++i) writer->add(samples[i]);
    show_progress(first + count, set.size());
  }
  writer->finish();
  directory.publish(options.replace);
  return {.pictures = set.size(), .emoji = emoji.emoji.size()};
}

}  // namespace clipdex::demo
