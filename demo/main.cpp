// emoji_gallery: draws the demo's pictures, and the data that the built-in model is trained and tested on.
#include <CLI/CLI.hpp>
#include <cmath>
#include <exception>
#include <iostream>
#include <stdexcept>

#include "demo/gallery.h"

namespace {

constexpr int kFailure = 1, kWrongUse = 2;

constexpr const char* kExamples = R"(Sets:
  gallery   each emoji once, then scenes: what "./run demo" shows (3000 pictures)
  training  singles and scenes, never a held-out pair or keyword phrase (200000 pictures)
  singles   each emoji once; the caption is its name
  pairs     scenes of two emoji whose pair is held out (1000 pictures)
  keywords  each emoji that has a held-out keyword phrase which fits no other; the caption is the phrase

Examples:
  emoji_gallery gallery
  emoji_gallery train --set training --format tar --count 400000 --seed 7
  emoji_gallery unseen-pairs --set pairs --side 96
  emoji_gallery bilder --languages de,en --replace
  emoji_gallery --list

Exit codes: 0 success, 1 failure, 2 wrong use.)";

void list(const clipdex::demo::GalleryOptions& options) {
  const auto set = clipdex::demo::load_emoji(options.sources, options.languages);
  for (const auto& emoji : set.emoji) {
    std::cout << emoji.sequence;
    for (const auto& words : emoji.words) std::cout << '\t' << words.name;
    std::cout << '\n';
  }
}

int run(int argc, char** argv) {
  clipdex::demo::GalleryOptions options{.sources = {.font = CLIPDEX_EMOJI_FONT, .cldr = CLIPDEX_CLDR}};
  std::string out, set = "gallery", format = "files";
  double scenes = 0.5;
  bool only_list = false;
  CLI::App program("Draws pictures of emoji, with captions in many languages; the same options make the same bytes", "emoji_gallery");
  program.add_option("OUT", out, "Folder to make");
  program.add_option("--set,--kind", set, "gallery, training, singles, pairs or keywords (see below)")->capture_default_str();
  program.add_option("--count", options.set.count, "Pictures of a gallery, training or pairs set (default: see below)")
      ->check(CLI::PositiveNumber);
  program.add_option("--languages", options.languages, "CLDR locales of the captions; the first one's field is \"caption\"")
      ->delimiter(',')
      ->capture_default_str();
  program.add_option("--seed", options.set.seed, "Another seed draws other pictures")->capture_default_str();
  program.add_option("--scenes", scenes, "Share of composed scenes in a training set, 0 to 1")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  program.add_option("--captions", options.set.captions, "Captions a language and picture in a training set")->capture_default_str();
  program.add_option("--side", options.side, "Pixels (default: 96 for training, 256 otherwise)")->check(CLI::PositiveNumber);
  program.add_option("--quality", options.quality, "Of the JPEG files, 1 to 100")->capture_default_str();
  program.add_option("--format", format, "files: pictures and metadata.jsonl; tar: webdataset shards")
      ->check(CLI::IsMember({"files", "tar"}))
      ->capture_default_str();
  program.add_option("--shard-size", options.samples_per_shard, "Pictures a tar")->capture_default_str();
  program.add_option("--threads", options.threads, "Default: one a core; the pictures do not depend on it")->check(CLI::PositiveNumber);
  program.add_option("--font", options.sources.font, "Noto Color Emoji (Debian: fonts-noto-color-emoji)")->capture_default_str();
  program.add_option("--cldr", options.sources.cldr, "Folder with annotations/ (Debian: unicode-cldr-core)")->capture_default_str();
  program.add_flag("--replace", options.replace, "Replace OUT if it is there");
  program.add_flag("--list", only_list, "Print the emoji and their names, and draw nothing");
  program.footer(kExamples);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : kWrongUse;
  }
  if (only_list) {
    list(options);
    return 0;
  }
  if (out.empty()) throw std::invalid_argument("which folder to make? \"emoji_gallery --help\" shows examples");
  options.set.kind = clipdex::demo::set_kind(set);
  options.set.scenes_percent = static_cast<int>(std::lround(scenes * 100));
  options.tar = format == "tar";
  const auto report = clipdex::demo::make_gallery(out, options);
  std::cerr << out << ": " << report.pictures << " pictures of " << report.emoji << " emoji\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::invalid_argument& error) {
    std::cerr << "emoji_gallery: " << error.what() << '\n';
    return kWrongUse;
  } catch (const std::exception& error) {
    std::cerr << "emoji_gallery: " << error.what() << '\n';
    return kFailure;
  }
}
