/** One step of stochastic gradient descent on a stretch of the flat parameter vector. */
#pragma once

#include <cstddef>
#include <vector>

#include "codec.h"

namespace plane {

/** One move of a sum by the tree of slice numbers, over a stack of parts. */
struct TreeMove {
  /** Whether the two newest parts are added up; else the next unit's gradient is put on the stack. */
  bool adds;
  /** Of the sum: parts that lie below. */
  size_t depth;
};

/**
 * The moves of src/ps/slice-tree.ts.
 * @param slices the first slice of each unit, ascending
 */
std::vector<TreeMove> treeMoves(const std::vector<size_t>& slices);

/** What a stretch of elements is stepped by; src/ps/sgd.ts says what each number is. */
struct Rule {
  double learningRate;
  double weightDecay;
  double ownRate;
  double momentum;
};

/** Elements `begin` .. `end` of vectors that all begin at the flat vector's first element. */
struct Stretch {
  size_t begin;
  size_t end;
  /** Of each unit of slices, in slice order; at least one. */
  std::vector<const float*> gradients;
  /** How they are added up. */
  std::vector<TreeMove> moves;
  /** That each sum is rounded to; blocks are counted from `begin`. */
  Codec codec;
  /** Of all slices together. */
  double samples;
  const float* from;
  float* to;
  /** Null for the head, which has no momentum. */
  const float* momentumFrom;
  float* momentumTo;
};

/** With the bits of src/ps/slice-reducer.ts and src/ps/sgd.ts. `from` and `to` may be one vector. */
void step(const Stretch& stretch, const Rule& rule, size_t threads);

/** Index of the first NaN or infinity of `values`, or `count`. */
size_t firstNonFinite(const float* values, size_t count, size_t threads);

/** sum = left + right, element by element; `sum` may be one of them. */
void add(const float* left, const float* right, float* sum, size_t count, size_t threads);

void copy(const float* from, float* to, size_t count, size_t threads);

}  // namespace plane
