/** For any processor, and which kernels this one runs. */
#include "loops.h"

namespace host {
namespace {

constexpr int ROWS = 4;
constexpr int COLUMNS = 16;

bool isSupported() { return true; }

Coded encode(const float* values, const float* centre, size_t dim, int levels,
             int8_t* codes) {
  return encodeLoop(values, centre, dim, levels, codes);
}

void multiply(const int8_t* const* rows, const uint8_t* panel, size_t quads, const int32_t* start,
              int32_t* tile) {
  for (int r = 0; r < ROWS; r += 1) {
    int32_t sums[COLUMNS];
    for (int c = 0; c < COLUMNS; c += 1) sums[c] = start[r];
    const int8_t* row = rows[r];
    const int8_t* columns = reinterpret_cast<const int8_t*>(panel);
    for (size_t q = 0; q < quads; q += 1, row += QUAD, columns += QUAD * COLUMNS) {
      for (int c = 0; c < COLUMNS; c += 1) {
        const int8_t* const column = columns + QUAD * c;
        sums[c] += row[0] * column[0] + row[1] * column[1] + row[2] * column[2] +
                   row[3] * column[3];
      }
    }
    std::memcpy(tile + r * COLUMNS, sums, sizeof sums);
  }
}

int sift(const int32_t* products, const float* scales, const float* halves, float factor,
         float limit, int32_t* found, float* scores) {
  return siftLoop(products, scales, halves, COLUMNS, factor, limit, found, scores);
}

double dot(const float* a, const float* b, size_t dim) { return dotLoop(a, b, dim); }

double centredDot(const float* a, const float* b, const float* centre, size_t dim) {
  return centredDotLoop(a, b, centre, dim);
}

void add(const float* row, size_t count, double rounder, double* sum) {
  addLoop(row, count, rounder, sum);
}

constexpr size_t WRITTEN =
#if defined(__x86_64__)
    3;
#else
    1;
#endif

struct Supported {
  const Kernels* all[WRITTEN];
  size_t count = 0;

  Supported() {
    const Kernels* const written[WRITTEN] = {
#if defined(__x86_64__)
        &AVX512_VNNI,
        &AVX2,
#endif
        &PORTABLE,
    };
    for (const Kernels* kernels : written) {
      if (kernels->isSupported()) all[count++] = kernels;
    }
  }
};

}  // namespace

const Kernels PORTABLE = {"portable", isSupported, ROWS, COLUMNS, 127,        0,
                          encode,     multiply,    sift, dot,     centredDot, add};

const Kernels* const* supportedKernels(size_t* count) {
  static const Supported supported;
  *count = supported.count;
  return supported.all;
}

}  // namespace host
