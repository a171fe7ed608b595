#include "cli/dataset_options.h"

#include <CLI/CLI.hpp>

#include "cli/arguments.h"

namespace clipdex::cli {

void add_dataset_options(CLI::App& command, datasets::DatasetOptions& options) {
  command.add_option("--images", options.image_root, "Folder that a table's or a list's file names are relative to (default: its own)")
      ->check(check_not_empty)
      ->group("Data");
  command
      .add_option("--image-column", options.image_column, "Column or field with the picture's file (default: filepath, file, path, ...)")
      ->check(check_not_empty)
      ->group("Data");
  command
      .add_option("--caption-column", options.caption_columns,
                  "Column or field with the caption; repeat it for more (default: title, caption, captions, ...)")
      ->check(check_not_empty)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group("Data");
  command.add_option("--label-column", options.label_column, "Column or field with the class (default: label, class)")
      ->check(check_not_empty)
      ->group("Data");
  command
      .add_option_function<std::string>(
          "--separator", [&options](const std::string& text) { options.separator = text == "tab" ? '\t' : text.front(); },
          "Of a table's columns: one character, or \"tab\" (default: what its ending and header say)")
      ->check([](const std::string& text) { return text.size() == 1 || text == "tab" ? "" : "one character, or \"tab\""; })
      ->group("Data");
  command.add_option("--split", options.splits, "Part of Karpathy's JSON: train, restval, val, test; repeat it for more")
      ->check(check_not_empty)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->group("Data");
}

}  // namespace clipdex::cli
