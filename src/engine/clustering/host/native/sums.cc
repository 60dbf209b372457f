/**
 * A part is one cluster's sum in some columns, and belongs to one thread, so that each sum's order is that of the rows whatever
 * the number of threads. Rows are sorted by label first: a sum stays in the cache while its rows are added.
 */
#include "sums.h"

#include <algorithm>
#include <vector>

#include "parts.h"

namespace host {
namespace {

/** Columns of a part: 8 KiB of sums. */
constexpr size_t PART_COLUMNS = 1024;
/** Rows that are fetched ahead: they lie anywhere. */
constexpr size_t AHEAD = 4;
constexpr size_t CACHE_LINE = 64;

void fetch(const float* row, size_t count) {
  for (size_t j = 0; j < count; j += CACHE_LINE / sizeof(float)) __builtin_prefetch(row + j);
}

}  // namespace

bool sumByLabel(const Kernels& kernels, const float* features, size_t count, size_t dim,
                const int32_t* labels, size_t k, double rounder, double* sums, uint32_t* counts,
                size_t threads) {
  const auto isNone = [k](int32_t label) { return label < 0 || static_cast<size_t>(label) >= k; };
  if (std::any_of(labels, labels + count, isNone)) return false;
  /** Where each cluster's rows begin in `order`. */
  std::vector<size_t> begins(k + 1, 0);
  for (size_t i = 0; i < count; i += 1) begins[labels[i] + 1] += 1;
  for (size_t c = 0; c < k; c += 1) begins[c + 1] += begins[c];
  std::vector<uint32_t> order(count);
  std::vector<size_t> next(begins.begin(), begins.end() - 1);
  for (size_t i = 0; i < count; i += 1) order[next[labels[i]]++] = static_cast<uint32_t>(i);

  const size_t strips = (dim + PART_COLUMNS - 1) / PART_COLUMNS;
  forEachPart(k * strips, threads, [&](size_t part, size_t) {
    const size_t c = part / strips;
    const size_t first = part % strips * PART_COLUMNS;
    const size_t width = std::min(dim - first, PART_COLUMNS);
    double* const sum = sums + c * dim + first;
    for (size_t at = begins[c]; at < begins[c + 1]; at += 1) {
      if (at + AHEAD < count) fetch(features + order[at + AHEAD] * dim + first, width);
      kernels.add(features + order[at] * dim + first, width, rounder, sum);
    }
  });
  for (size_t c = 0; c < k; c += 1) counts[c] += static_cast<uint32_t>(begins[c + 1] - begins[c]);
  return true;
}

}  // namespace host
