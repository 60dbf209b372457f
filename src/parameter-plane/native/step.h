/** One step of stochastic gradient descent on a stretch of the flat parameter vector. */
#pragma once

#include <cstddef>
#include <vector>

namespace plane {

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
  /** Of each slice, in slice order; at least one. */
  std::vector<const float*> gradients;
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

void copy(const float* from, float* to, size_t count, size_t threads);

}  // namespace plane
