#include "benchmarks/torch_peer.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace clipdex::benchmarks {

std::map<std::string, double> time_in_pytorch(const std::filesystem::path& directory, int device, const std::string& precision,
                                              const std::vector<std::string>& cases) {
  std::string command = std::string("python3 -B -W ignore \"") + CLIPDEX_SOURCE_DIR + "/benchmarks/gpu_peers.py\" \"" + directory.string() +
                        "\" cuda:" + std::to_string(device) + " " + precision;
  for (const auto& one : cases) command += " " + one;
  // What we have printed comes before what it may print.
  std::fflush(stdout);
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  std::map<std::string, double> seconds;
  char line[512];
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    const auto parsed = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_object()) continue;
    if (parsed.contains("skipped")) {
      std::printf("  PyTorch eager skipped: %s\n", parsed.at("skipped").get<std::string>().c_str());
    } else {
      seconds[parsed.at("case")] = parsed.at("seconds");
    }
  }
  if (::pclose(pipe) != 0) std::printf("  PyTorch eager skipped: this failed: %s\n", command.c_str());
  return seconds;
}

}  // namespace clipdex::benchmarks
