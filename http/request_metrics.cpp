#include "http/request_metrics.h"

#include <algorithm>

namespace clipdex::http {
namespace {

constexpr std::array<std::string_view, 8> kMethodNames = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other"};
constexpr std::array<std::string_view, 26> kStatusNames = {"200", "201", "204", "206", "304", "400", "401", "403",  "404",
                                                           "405", "408", "409", "412", "413", "414", "415", "416",  "417",
                                                           "422", "429", "431", "500", "501", "503", "507", "other"};

}  // namespace

RequestMetrics::RequestMetrics(std::size_t routes) {
  static_assert(kMethodNames.size() == kMethods && kStatusNames.size() == kStatuses);
  for (std::size_t i = 0; i <= routes; ++i) {
    counters_.push_back(std::make_unique<Counters>());
    latencies_.push_back(std::make_unique<engine::LatencyHistogram>());
  }
}

void RequestMetrics::count(std::size_t route, std::string_view method, int status, std::chrono::nanoseconds time, std::uint64_t bytes_in,
                           std::uint64_t bytes_out) {
  const auto method_at = std::find(kMethodNames.begin(), kMethodNames.end() - 1, method) - kMethodNames.begin();
  const char digits[3] = {static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
                          static_cast<char>('0' + status % 10)};
  const auto status_at =
      std::find(kStatusNames.begin(), kStatusNames.end() - 1, std::string_view(digits, sizeof digits)) - kStatusNames.begin();
  (*counters_[route])[static_cast<std::size_t>(method_at)][static_cast<std::size_t>(status_at)].add();
  latencies_[route]->observe(time);
  bytes_in_.add(bytes_in);
  bytes_out_.add(bytes_out);
}

void RequestMetrics::for_each(const Each& each) const {
  for (std::size_t route = 0; route < counters_.size(); ++route) {
    for (std::size_t method = 0; method < kMethods; ++method) {
      for (std::size_t status = 0; status < kStatuses; ++status) {
        const auto requests = (*counters_[route])[method][status].value();
        if (requests > 0) each(route, kMethodNames[method], kStatusNames[status], requests);
      }
    }
  }
}

}  // namespace clipdex::http
