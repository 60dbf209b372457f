// Threads that share the jobs of one operation.
#pragma once

#include <cstdint>
#include <functional>

namespace deepcluster {

// Calls work(0) ... work(count - 1), each once, in any order, on as many threads as TF_NUM_INTRAOP_THREADS says (one a core where
// it says nothing), the caller among them. Returns when all are done. What a job computes must not depend on who runs it.
void ForEachJob(int64_t count, const std::function<void(int64_t)>& work);

}  // namespace deepcluster

// Compiles a function for each generation of vector instructions; the loader takes the newest that the CPU has. Results are
// the same bits on each: multiply-adds are not contracted (-ffp-contract=off), and no sum is reordered.
#if defined(__x86_64__)
#define FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EACH_CPU
#endif
