/** Sums of rows by label, as a plain loop over the rows adds to them: in float64 and in the order of rows. */
#pragma once
#include "kernels.h"

namespace host {

/**
 * @param features [n, D]
 * @param labels [n] below `k`
 * @param rounder rounds each value before it is added: (value + rounder) - rounder; 0 leaves it as it is
 * @param sums [K, D], added to
 * @param counts [K], added to
 * @return false, with nothing written, where a label is none
 * @throws std::bad_alloc
 */
bool sumByLabel(const Kernels& kernels, const float* features, size_t count, size_t dim,
                const int32_t* labels, size_t k, double rounder, double* sums, uint32_t* counts,
                size_t threads);

}  // namespace host
