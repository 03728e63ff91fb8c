// Random numbers as a function of a key and a counter: threefry2x32 with 20 rounds (Salmon et al.,
// "Parallel random numbers: as easy as 1, 2, 3", 2011), drawn in the order tinygrad draws them.

#include "frontend/Build.h"

#include <mutex>
#include <numbers>

namespace rosso {

using namespace build;

namespace {

constexpr int kRotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
constexpr int64_t kParity = 0x1BD11BDA; // of the key schedule

struct Words {
  Tensor low, high;
};

Tensor rotatedLeft(const Tensor &word, int bits) { return (word << bits) | (word >> (32 - bits)); }

Words threefry(const Words &key, const Words &counter) {
  Tensor schedule[3] = {key.high, key.low ^ key.high ^ kParity, key.low};
  Words x{counter.low + key.low, counter.high + key.high};
  for (int i = 0; i < 5; ++i) {
    for (int rotation : kRotations[i % 2]) {
      x.low = x.low + x.high;
      x.high = x.low ^ rotatedLeft(x.high, rotation);
    }
    x.low = x.low + schedule[i % 3];
    x.high = x.high + schedule[(i + 1) % 3] + (i + 1);
  }
  return x;
}

Words wordsOf(const Tensor &pair) { return {pair.slice(0, 0, 1), pair.slice(0, 1, 2)}; }

bool isWordPair(const Tensor &t) { return t.shape() == Shape{2} && t.dtype() == DType::U32; }

/// The one mutable thing of this room: where `rand` without a key stands.
struct Generator {
  std::mutex mutex;
  uint64_t seed = 0;
  uint64_t drawn = 0; // words
};

Generator &generator() {
  static Generator instance;
  return instance;
}

std::optional<int64_t> constantCount(const Shape &shape) {
  auto count = elementCount(shape);
  return count && count->isConstant() ? std::optional(count->constant()) : std::nullopt;
}

} // namespace

Tensor Tensor::randomBits(const Tensor &key, const Tensor &counter, int64_t count) {
  if (auto bad = firstBad({key, counter}))
    return *bad;
  if (!isWordPair(key) || !isWordPair(counter))
    return failed("randomBits", "a key " + str(key.shape()) + " and a counter " +
                                    str(counter.shape()) + "; expected u32 [2] both");
  if (count < 1 || count >= INT32_MAX)
    return failed("randomBits", std::to_string(count) + " words; expected 1 to 2147483646");
  // The counter makes a key of its own for every draw, under which the words are numbered.
  Words drawKey = threefry(wordsOf(key), wordsOf(counter));
  int64_t half = (count + 1) / 2;
  Tensor number = arange(half, DType::U32);
  Words words = threefry(drawKey, {number, number + half});
  return cat({words.low, words.high}).slice(0, 0, count);
}

Tensor Tensor::randFrom(const Tensor &key, const Tensor &counter, Shape shape) {
  auto count = constantCount(shape);
  if (!count)
    return failed("rand", "shape " + str(shape) + "; expected constant extents");
  // 23 random bits as the fraction of a float in [1, 2).
  Tensor bits = randomBits(key, counter, *count) >> 9;
  return ((bits | 0x3F800000).bitcast(DType::F32) - 1.0f).reshape(std::move(shape));
}

void Tensor::manualSeed(uint64_t seed) {
  std::lock_guard lock(generator().mutex);
  generator().seed = seed;
  generator().drawn = 0;
}

Tensor Tensor::rand(Shape shape) {
  auto count = constantCount(shape);
  if (!count)
    return failed("rand", "shape " + str(shape) + "; expected constant extents");
  std::lock_guard lock(generator().mutex);
  Generator &g = generator();
  // The key's first word is that of tinygrad's first device: the end of SHA-256 of four zero bytes.
  std::vector<uint32_t> key{0x14b81119u, static_cast<uint32_t>(g.seed)};
  std::vector<uint32_t> counter{static_cast<uint32_t>(g.drawn),
                                static_cast<uint32_t>(g.drawn >> 32)};
  g.drawn += static_cast<uint64_t>(*count);
  return randFrom(fromData(key), fromData(counter), std::move(shape));
}

Tensor Tensor::randn(Shape shape) {
  shape.insert(shape.begin(), 2);
  Tensor uniform = rand(std::move(shape));
  // Box and Muller.
  Tensor radius = ((1 - uniform.select(0, 1)).log() * -2).sqrt();
  return (uniform.select(0, 0) * (2 * std::numbers::pi)).cos() * radius;
}

} // namespace rosso
