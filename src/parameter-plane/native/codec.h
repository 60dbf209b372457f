/** Numbers in fewer bytes, with the bits of src/ps/codec: rounding in place, and as bytes. */
#pragma once

#include <cstddef>
#include <cstdint>

namespace plane {

/** By the numbers of src/parameter-plane/kernels.ts. */
enum class Codec { float32 = 0, bfloat16 = 1, float16 = 2, int8 = 3 };

/** Elements that share a scale: those of the other codecs have none, and end nowhere. */
constexpr size_t SCALED = 256;

/** Bytes of so many elements, the first of which begins a block. */
size_t encodedBytes(Codec codec, size_t count);

/** Rounds to the codec's values. `to` may be `from`; the first element begins a block. */
void round(Codec codec, const float* from, float* to, size_t count);

/** Likewise, by several threads. */
void round(Codec codec, const float* from, float* to, size_t count, size_t threads);

/** Little-endian; `to` has encodedBytes. */
void encode(Codec codec, const float* from, uint8_t* to, size_t count, size_t threads);

void decode(Codec codec, const uint8_t* from, float* to, size_t count, size_t threads);

}  // namespace plane
