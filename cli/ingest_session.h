// Inputs on their way into a collection: what is there already is left out, the rest goes in batches, and what happens is told in order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/error_file.h"
#include "cli/input.h"
#include "cli/progress.h"
#include "cli/stop_signal.h"
#include "cli/target.h"

namespace clipdex::cli {

// One thread at a time. Holds at most 1,024 inputs, and Target::ingest_bytes_max() bytes of them, besides about 50 bytes for every id.
class IngestSession {
 public:
  struct Options {
    std::string collection;
    bool json = false;            // a line an input on stdout
    ErrorFile* errors = nullptr;  // may be missing
  };

  // All of the arguments outlive it.
  IngestSession(Target& target, Options options, Progress& progress, const StopSignal& stop);

  // An id that came before with other bytes or metadata is a failure. A server that is overloaded is asked again for a minute or two.
  // Throws what Target throws; what was done before is counted.
  void add(Input input);
  // Sends what is held. After a stop signal add() and this send nothing more.
  void finish();

  std::size_t count(engine::IngestStatus status) const { return counts_[static_cast<std::size_t>(status)]; }
  std::size_t done() const;

 private:
  struct Held {
    Input input;
    engine::ImageVersion version;
    std::optional<engine::IngestResult> result;  // once its fate is known
  };

  void check(Held& held);
  void send_window();
  void ask_what_is_known();
  void send_batches();
  std::vector<engine::IngestResult> send(std::span<const engine::IngestItem> items);
  template <typename Call>
  auto patiently(const Call& call) -> std::optional<decltype(call())>;
  void tell_in_order();
  void tell_rest();
  void tell(const Held& held);

  Target& target_;
  Options options_;
  Progress& progress_;
  const StopSignal& stop_;
  std::size_t bytes_max_;
  std::vector<Held> window_;
  std::size_t window_bytes_ = 0;
  std::size_t told_ = 0;                                   // of the window
  std::unordered_map<std::uint64_t, std::uint64_t> seen_;  // hash of an id -> hash of its bytes and metadata
  std::array<std::size_t, 4> counts_{};
};

}  // namespace clipdex::cli
