// What decoding a picture costs, measured in a process of its own.
#pragma once

#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "encoder/image_decoder.h"

namespace clipdex::tests {

struct DecodingCost {
  double milliseconds = 0;
  double mebibytes = 0;   // by how much the process's peak of resident memory grew
  char answer[200] = "";  // the error, or the picture's size
};

// Nothing if the process died. Decoders that load libraries when they are first used should have been used before.
inline std::optional<DecodingCost> cost_of_decoding(std::span<const std::uint8_t> bytes) {
  int ends[2];
  if (::pipe(ends) != 0) return std::nullopt;
  ::malloc_trim(0);  // free memory that the child would inherit would hide what it takes
  const pid_t child = ::fork();
  if (child == 0) {
    const auto peak_mebibytes = [] {
      rusage usage{};
      ::getrusage(RUSAGE_SELF, &usage);
      return static_cast<double>(usage.ru_maxrss) / 1024;
    };
    DecodingCost cost;
    const auto say = [&](const std::string& answer) { std::snprintf(cost.answer, sizeof cost.answer, "%s", answer.c_str()); };
    const double before = peak_mebibytes();
    const auto start = std::chrono::steady_clock::now();
    try {
      const auto image = encoder::decode_image(bytes);
      say("a picture of " + std::to_string(image.width) + " x " + std::to_string(image.height));
    } catch (const encoder::ImageError& error) {
      say(error.what());
    }
    cost.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    cost.mebibytes = peak_mebibytes() - before;
    const bool sent = ::write(ends[1], &cost, sizeof cost) == sizeof cost;
    ::_exit(sent ? 0 : 1);
  }
  ::close(ends[1]);
  DecodingCost cost;
  const bool received = child > 0 && ::read(ends[0], &cost, sizeof cost) == sizeof cost;
  ::close(ends[0]);
  int status = 1;
  if (child > 0) ::waitpid(child, &status, 0);
  return received && status == 0 ? std::optional(cost) : std::nullopt;
}

}  // namespace clipdex::tests
