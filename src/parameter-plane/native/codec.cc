/**
 * Each function is the loop of src/ps/codec/ over the same bits; branches are choices between two
 * numbers, so that the compiler vectorises. Bytes are little-endian as is the machine.
 */
#include "codec.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "parallel.h"
#include "processors.h"

namespace plane {
namespace {

constexpr uint32_t SIGN = 0x80000000u;
constexpr uint32_t INFINITE = 0x7f800000u;
constexpr size_t SCALED_BYTES = sizeof(float) + SCALED;
/** Blocks with no larger value are zeros: their scale would have too few bits. 2^-100. */
constexpr uint32_t LEAST_BITS = 0x0d800000u;

inline uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float floatOf(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/** The upper half, to nearest even; what is finite stays so. */
inline uint32_t toBfloat16(float value) {
  const uint32_t bits = bitsOf(value);
  const uint32_t magnitude = bits & ~SIGN;
  const uint32_t nearest = (magnitude + 0x7fffu + ((magnitude >> 16) & 1u)) >> 16;
  const uint32_t finite = nearest < 0x7f7fu ? nearest : 0x7f7fu;
  const uint32_t other = magnitude > INFINITE ? 0x7fc0u : 0x7f80u;
  return (bits & SIGN) >> 16 | (magnitude < INFINITE ? finite : other);
}

inline float ofBfloat16(uint32_t half) { return floatOf(half << 16); }

/** To nearest even; what is finite stays so, and small values are denormal. */
inline uint32_t toFloat16(float value) {
  const uint32_t bits = bitsOf(value);
  const uint32_t magnitude = bits & ~SIGN;
  const uint32_t nearest =
      (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  // Floats from 0.5 on are 2^-24 apart, as are float16's denormals.
  const uint32_t small = bitsOf(floatOf(magnitude) + 0.5f) - 0x3f000000u;
  const uint32_t regular = magnitude >= 0x477ff000u ? 0x7bffu : nearest;
  const uint32_t finite = magnitude < 0x38800000u ? small : regular;
  const uint32_t other = magnitude > INFINITE ? 0x7e00u : 0x7c00u;
  return (bits & SIGN) >> 16 | (magnitude < INFINITE ? finite : other);
}

inline float ofFloat16(uint32_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t magnitude = half & 0x7fffu;
  const uint32_t regular = (magnitude << 13) + 0x38000000u;
  const uint32_t other = magnitude << 13 | INFINITE;
  const uint32_t small = bitsOf(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
  const uint32_t finite = magnitude < 0x400u ? small : regular;
  return floatOf(sign | (magnitude < 0x7c00u ? finite : other));
}

/** The largest magnitude's bits, which are in the order of the magnitudes; NaN is above all. */
inline uint32_t largestBits(const float* from, size_t count) {
  uint32_t largest = 0;
  for (size_t i = 0; i < count; i += 1) {
    const uint32_t magnitude = bitsOf(from[i]) & ~SIGN;
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

/**
 * A 127th of the largest magnitude, in 16 bits of significand: products with 127 are exact. 0 where
 * all are zeros, NaN where not all are finite.
 */
inline float scaleOf(const float* from, size_t count) {
  const uint32_t largest = largestBits(from, count);
  if (largest >= INFINITE) return std::numeric_limits<float>::quiet_NaN();
  if (largest < LEAST_BITS) return 0;
  return floatOf(bitsOf(floatOf(largest) / 127.0f) & ~0xffu);
}

/** -127 to 127, to nearest even; 0 has no sign. */
inline float stepsOf(float value, float scale) {
  // Floats from 2^23 on are 1 apart.
  return (value / scale + 12582912.0f) - 12582912.0f;
}

inline void roundScaled(const float* from, float* to, size_t count) {
  const float scale = scaleOf(from, count);
  // One value that is not finite makes all of them NaN.
  if (!(scale > 0)) {
    for (size_t i = 0; i < count; i += 1) to[i] = scale;
    return;
  }
  for (size_t i = 0; i < count; i += 1) to[i] = stepsOf(from[i], scale) * scale;
}

inline void encodeScaled(const float* from, uint8_t* to, size_t count) {
  const float scale = scaleOf(from, count);
  std::memcpy(to, &scale, sizeof scale);
  int8_t* const steps = reinterpret_cast<int8_t*>(to + sizeof scale);
  if (!(scale > 0)) {
    std::memset(steps, 0, count);
    return;
  }
  for (size_t i = 0; i < count; i += 1) {
    steps[i] = static_cast<int8_t>(static_cast<int32_t>(stepsOf(from[i], scale)));
  }
}

inline void decodeScaled(const uint8_t* from, float* to, size_t count) {
  float scale;
  std::memcpy(&scale, from, sizeof scale);
  const int8_t* const steps = reinterpret_cast<const int8_t*>(from + sizeof scale);
  for (size_t i = 0; i < count; i += 1) {
    to[i] = static_cast<float>(static_cast<int32_t>(steps[i])) * scale;
  }
}

FOR_EACH_PROCESSOR void roundBfloat16s(const float* from, float* to, size_t count) {
  for (size_t i = 0; i < count; i += 1) to[i] = ofBfloat16(toBfloat16(from[i]));
}

FOR_EACH_PROCESSOR void roundFloat16s(const float* from, float* to, size_t count) {
  for (size_t i = 0; i < count; i += 1) to[i] = ofFloat16(toFloat16(from[i]));
}

FOR_EACH_PROCESSOR void roundInt8s(const float* from, float* to, size_t count) {
  for (size_t at = 0; at < count; at += SCALED) {
    roundScaled(from + at, to + at, std::min(SCALED, count - at));
  }
}

FOR_EACH_PROCESSOR void encodeBfloat16s(const float* from, uint8_t* to, size_t count) {
  for (size_t i = 0; i < count; i += 1) {
    const uint16_t half = static_cast<uint16_t>(toBfloat16(from[i]));
    std::memcpy(to + 2 * i, &half, sizeof half);
  }
}

FOR_EACH_PROCESSOR void encodeFloat16s(const float* from, uint8_t* to, size_t count) {
  for (size_t i = 0; i < count; i += 1) {
    const uint16_t half = static_cast<uint16_t>(toFloat16(from[i]));
    std::memcpy(to + 2 * i, &half, sizeof half);
  }
}

FOR_EACH_PROCESSOR void encodeInt8s(const float* from, uint8_t* to, size_t count) {
  for (size_t at = 0; at < count; at += SCALED, to += SCALED_BYTES) {
    encodeScaled(from + at, to, std::min(SCALED, count - at));
  }
}

FOR_EACH_PROCESSOR void decodeBfloat16s(const uint8_t* from, float* to, size_t count) {
  for (size_t i = 0; i < count; i += 1) {
    uint16_t half;
    std::memcpy(&half, from + 2 * i, sizeof half);
    to[i] = ofBfloat16(half);
  }
}

FOR_EACH_PROCESSOR void decodeFloat16s(const uint8_t* from, float* to, size_t count) {
  for (size_t i = 0; i < count; i += 1) {
    uint16_t half;
    std::memcpy(&half, from + 2 * i, sizeof half);
    to[i] = ofFloat16(half);
  }
}

FOR_EACH_PROCESSOR void decodeInt8s(const uint8_t* from, float* to, size_t count) {
  for (size_t at = 0; at < count; at += SCALED, from += SCALED_BYTES) {
    decodeScaled(from, to + at, std::min(SCALED, count - at));
  }
}

}  // namespace

// A piece of a thread's work is whole blocks.
static_assert(PIECE % SCALED == 0);

size_t encodedBytes(Codec codec, size_t count) {
  switch (codec) {
    case Codec::bfloat16:
    case Codec::float16:
      return 2 * count;
    case Codec::int8:
      return count + sizeof(float) * ((count + SCALED - 1) / SCALED);
    case Codec::float32:
      break;
  }
  return sizeof(float) * count;
}

void round(Codec codec, const float* from, float* to, size_t count) {
  switch (codec) {
    case Codec::bfloat16:
      return roundBfloat16s(from, to, count);
    case Codec::float16:
      return roundFloat16s(from, to, count);
    case Codec::int8:
      return roundInt8s(from, to, count);
    case Codec::float32:
      if (to != from) std::memcpy(to, from, count * sizeof(float));
  }
}

void round(Codec codec, const float* from, float* to, size_t count, size_t threads) {
  inPieces(threads, 0, count, [&](size_t begin, size_t end) {
    round(codec, from + begin, to + begin, end - begin);
  });
}

void encode(Codec codec, const float* from, uint8_t* to, size_t count, size_t threads) {
  inPieces(threads, 0, count, [&](size_t begin, size_t end) {
    uint8_t* const bytes = to + encodedBytes(codec, begin);
    switch (codec) {
      case Codec::bfloat16:
        return encodeBfloat16s(from + begin, bytes, end - begin);
      case Codec::float16:
        return encodeFloat16s(from + begin, bytes, end - begin);
      case Codec::int8:
        return encodeInt8s(from + begin, bytes, end - begin);
      case Codec::float32:
        std::memcpy(bytes, from + begin, (end - begin) * sizeof(float));
    }
  });
}

void decode(Codec codec, const uint8_t* from, float* to, size_t count, size_t threads) {
  inPieces(threads, 0, count, [&](size_t begin, size_t end) {
    const uint8_t* const bytes = from + encodedBytes(codec, begin);
    switch (codec) {
      case Codec::bfloat16:
        return decodeBfloat16s(bytes, to + begin, end - begin);
      case Codec::float16:
        return decodeFloat16s(bytes, to + begin, end - begin);
      case Codec::int8:
        return decodeInt8s(bytes, to + begin, end - begin);
      case Codec::float32:
        std::memcpy(to + begin, bytes, (end - begin) * sizeof(float));
    }
  });
}

}  // namespace plane
