/** Sums of rows by label, as a plain loop over the rows has them: in float64 and in the order of rows. */
#pragma once
#include "kernels.h"

namespace host {

/**
 * @param features [n, D]
 * @param labels [n] below `k`
 * @param sums [K, D], written
 * @param counts [K], written
 * @return false, with nothing written, where a label is none
 * @throws std::bad_alloc
 */
bool sumByLabel(const Kernels& kernels, const float* features, size_t count, size_t dim,
                const int32_t* labels, size_t k, double* sums, uint32_t* counts, size_t threads);

}  // namespace host
