/**
 * The innermost loops of clustering on the host, once for each instruction set that they are written for.
 * Rows and centroids are read as codes: row = centre + scale * code + rest, one centre for all, one scale a vector, codes small
 * integers. A panel is `columns` centroids side by side, four dimensions at a time: [quads, columns, 4], unsigned by `offset`.
 */
#pragma once
#include <cstddef>
#include <cstdint>

namespace host {

/** Dimensions that are multiplied at once; codes are padded to whole quads with zeros. */
constexpr size_t QUAD = 4;
/** No kernel's tile is larger. */
constexpr int MOST_ROWS = 8;
constexpr int MOST_COLUMNS = 48;
/** Codes of a row are in -ROW_LEVELS .. ROW_LEVELS. */
constexpr int ROW_LEVELS = 127;
/** Products of codes are int32 up to here: 127 * 127 * 2^16 < 2^31, and on the way to them sums may wrap around. */
constexpr size_t MOST_DIM = 1 << 16;

/** What a vector became: values - centre = scale * codes + rest. Laid out as the caller's arrays have it. */
struct Coded {
  /** 0 where all is rest; NaN where values are not finite: there are no codes then. */
  float scale;
  /** |rest| */
  float loss;
  /** |values - centre| */
  float length;
  /** Of the codes; a whole number below 2^24. */
  float sum;
};

struct Kernels {
  const char* name;
  bool (*isSupported)();
  /** Rows and centroids of one tile of products. */
  int rows;
  int columns;
  /** A centroid's codes are in -levels .. levels; levels < offset, or offset is 0 and they stay signed. */
  int levels;
  int offset;
  Coded (*encode)(const float* values, const float* centre, size_t dim, int levels, int8_t* codes);
  /** tile[r][c] := start[r] + the product of row r with column c; [rows, columns], in the order of rows. */
  void (*multiply)(const int8_t* const* rows, const uint8_t* panel, size_t quads,
                   const int32_t* start, int32_t* tile);
  /**
   * Finds the columns with products * scales - factor * halves at or above `limit`.
   * @return how many; their numbers, ascending, and values are written to `found` and `scores`
   */
  int (*sift)(const int32_t* products, const float* scales, const float* halves, float factor,
              float limit, int32_t* found, float* scores);
  /** The product of two rows in float64, in any order. */
  double (*dot)(const float* a, const float* b, size_t dim);
  /** The same of two rows less the centre. */
  double (*centredDot)(const float* a, const float* b, const float* centre, size_t dim);
  /** sum += (row + rounder) - rounder, in float64. */
  void (*add)(const float* row, size_t count, double rounder, double* sum);
};

/** Those that this processor runs, the fastest first; the last one runs everywhere. */
const Kernels* const* supportedKernels(size_t* count);

extern const Kernels PORTABLE;
#if defined(__x86_64__)
extern const Kernels AVX2;
extern const Kernels AVX512_VNNI;
#endif

}  // namespace host
