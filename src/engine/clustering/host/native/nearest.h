/**
 * The nearest centroid of every row, as src/clustering/kmeans-reducer.ts finds it in float64: the same labels, ties included.
 * Shapes: n rows, D dimensions, K centroids; matrices are row-major.
 */
#pragma once
#include "kernels.h"

namespace host {

/** Rows with their codes, of memory that the caller keeps. */
struct Rows {
  size_t count;
  size_t dim;
  /** [n, D] */
  const float* features;
  /** [D] about the rows' mean: what is coded is small then. Any numbers will do. */
  float* centre;
  /** [n, D padded to quads] */
  int8_t* codes;
  /** [n] */
  Coded* coded;
  /** [n] |x| */
  double* norms;

  size_t stride() const { return (dim + QUAD - 1) / QUAD * QUAD; }
};

/** Writes all of `rows` but the features. */
void encodeRows(const Kernels& kernels, const Rows& rows, size_t threads);

/**
 * Labels of the rows begin .. end - 1.
 * @param labels [n] read as guesses, which make it faster and change nothing; below 0 where there is none
 * @throws std::bad_alloc
 */
void findNearest(const Kernels& kernels, const Rows& rows, const float* centroids, size_t k,
                 size_t begin, size_t end, int32_t* labels, size_t threads);

}  // namespace host
