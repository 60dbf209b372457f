/**
 * The same loop for several instruction sets, of which the processor's best is taken. None of them
 * has products and sums contracted, so the bits are the same.
 */
#pragma once

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
