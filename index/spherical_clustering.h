// k-means on the sphere (Dhillon and Modha, 2001). Private to index/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

namespace clipdex::index {

// For each row the centroid of the largest inner product. centroids: [n_centroids, dimension]; on the calling thread's OpenMP threads.
std::vector<std::uint32_t> nearest_centroids(const std::vector<const float*>& rows, const std::vector<float>& centroids,
                                             std::size_t dimension);

// Unit centroids [n_centroids, dimension] of unit rows, of which there are at least as many. The same rows give the same centroids,
// whatever the threads. Empty: it was stopped.
std::vector<float> spherical_clustering(const std::vector<const float*>& rows, std::size_t dimension, std::size_t n_centroids,
                                        std::size_t iterations, const std::stop_token& stop);

}  // namespace clipdex::index
