// Hashes of bytes: the sponges over Keccak-f[1600] that SHA-3 and SHAKE are, for a batch at a time.
//
// The state is 25 lanes of 64 bits, [B, 25], where lane x + 5 y is the standard's A[x, y]. Blocks
// of a message are absorbed one after the other; each is computed before the next, so that one
// program of 24 rounds serves them all. Source: FIPS 202; the numbered algorithms are its.

#include "frontend/Build.h"
#include "frontend/Realize.h"

#include <array>

namespace rosso {

using namespace build;

namespace {

constexpr int64_t kSide = 5, kLanes = kSide * kSide, kRounds = 24;
constexpr int64_t kStateBytes = kLanes * 8;

/// Where each lane comes from, and how far it was turned to the left: algorithms 2 and 3.
struct LaneMoves {
  std::vector<int64_t> from = std::vector<int64_t>(kLanes);
  std::vector<uint64_t> left = std::vector<uint64_t>(kLanes), right = left;

  LaneMoves() {
    std::array<uint64_t, kLanes> turn{};
    int64_t x = 1, y = 0;
    for (uint64_t t = 0; t < kLanes - 1; ++t) {
      turn[static_cast<size_t>(x + kSide * y)] = (t + 1) * (t + 2) / 2 % 64;
      x = std::exchange(y, (2 * x + 3 * y) % kSide);
    }
    for (x = 0; x < kSide; ++x)
      for (y = 0; y < kSide; ++y) {
        const auto to = static_cast<size_t>(y + kSide * ((2 * x + 3 * y) % kSide));
        from[to] = x + kSide * y;
        left[to] = turn[static_cast<size_t>(from[to])];
        right[to] = (64 - left[to]) % 64;
      }
  }
};

/// Algorithm 5: the bits of a shift register, at the places 2^j - 1.
std::array<uint64_t, kRounds> roundConstants() {
  std::array<uint64_t, kRounds> constants{};
  uint32_t bits = 1;
  for (uint64_t &constant : constants)
    for (int j = 0; j <= 6; ++j) {
      constant |= static_cast<uint64_t>(bits & 1) << ((1 << j) - 1);
      bits = (bits << 1) ^ ((bits >> 7) * 0x171);
    }
  return constants;
}

Tensor turnedLeft(const Tensor &lanes, const Tensor &left, const Tensor &right) {
  return lanes.lshift(left) | lanes.rshift(right);
}

/// Computes it now; what depends on the inputs of a captured function stays lazy.
Tensor computed(Tensor t) {
  Tensor *const one[] = {&t};
  const Status status = realize(one);
  return status ? t : failed(status.error());
}

/// The permutation of a state [B, 25].
Tensor permuted(Tensor state) {
  const LaneMoves moves;
  const Tensor from = Tensor::fromData(moves.from);
  const Tensor left = Tensor::fromData(moves.left), right = Tensor::fromData(moves.right);
  const Shape flat = state.shape(), square{flat[0], kSide, kSide}; // [B, y, x]
  state = contiguous(computed(state));
  for (const uint64_t constant : roundConstants()) {
    // Theta: every lane meets the parities of two columns.
    Tensor rows = state.reshape(square), parity = rows.select(1, 0);
    for (int64_t y = 1; y < kSide; ++y)
      parity = parity ^ rows.select(1, y);
    const Tensor next = parity.roll({-1}, {1}); // [B, x]
    const Tensor columns = parity.roll({1}, {1}) ^ (next.lshift(1) | next.rshift(63));
    rows = rows ^ columns.unsqueeze(1);
    // Rho and pi: lanes are turned, and change places.
    state = turnedLeft(rows.reshape(flat).indexSelect(1, from), left, right);
    // Chi, along x, and iota.
    rows = state.reshape(square);
    rows = rows ^ (~rows.roll({-1}, {2}) & rows.roll({-2}, {2}));
    std::vector<uint64_t> iota(kLanes);
    iota[0] = constant;
    state = computed(rows.reshape(flat) ^ Tensor::fromData(iota));
  }
  return state;
}

} // namespace

Tensor Tensor::keccak(int64_t rate, uint8_t suffix) const {
  if (auto bad = firstBad({*this}))
    return *bad;
  if (rate <= 0 || rate > kStateBytes || rate % 8 != 0)
    return failed("keccak", "a rate of " + std::to_string(rate) +
                                " bytes; expected a multiple of 8, up to " +
                                std::to_string(kStateBytes));
  const Tensor bytes = ndim() == 0 ? *this : bitcast(DType::U8);
  if (ndim() == 0 || !bytes.ok() || !bytes.size(-1).isConstant())
    return bytes.ok() ? failed("keccak", "a tensor " + str(shape()) +
                                             "; expected a last axis of constant extent")
                      : bytes;
  const int64_t length = bytes.size(-1).constant(), blocks = length / rate + 1;
  Shape batch(shape().begin(), shape().end() - 1);
  const Dim messages = elementCount(batch).value_or(Dim(1));

  std::vector<uint8_t> padding(static_cast<size_t>(blocks * rate)); // 10*1 after the suffix
  padding[static_cast<size_t>(length)] = suffix;
  padding.back() ^= 0x80;
  const int64_t room = blocks * rate - length;
  Tensor lanes = bytes.reshape({messages, length}).pad({{0, 0}, {0, room}}) ^ fromData(padding);
  lanes = lanes.reshape({messages, blocks, rate})
              .pad({{0, 0}, {0, 0}, {0, kStateBytes - rate}})
              .bitcast(DType::U64); // [B, blocks, 25]
  lanes = computed(lanes);
  Tensor state = permuted(lanes.select(1, 0));
  for (int64_t block = 1; block < blocks; ++block)
    state = permuted(state ^ lanes.select(1, block));
  const int64_t digest = (kStateBytes - rate) / 2;
  batch.push_back(digest);
  return state.bitcast(DType::U8).slice(1, 0, digest).reshape(batch);
}

Tensor Tensor::hash() const {
  if (auto bad = firstBad({*this}))
    return *bad;
  constexpr int64_t kChunk = 1 << 20, kPiece = 1 << 12, kRate = 168;
  constexpr uint8_t kShake = 0x1F;
  Tensor data = flatten().bitcast(DType::U8);
  if (!data.ok())
    return data;
  if (!data.size(0).isConstant())
    return failed("hash", "the shape " + str(shape()) + " depends on variables");
  int64_t chunks = 0;
  do {
    const int64_t length = data.size(0).constant();
    chunks = std::max<int64_t>(1, (length + kChunk - 1) / kChunk);
    data = data.pad({{0, chunks * kChunk - length}});
    data = data.reshape({chunks, kChunk / kPiece, kPiece}).keccak(kRate, kShake);
    data = data.flatten(1).keccak(kRate, kShake).flatten(); // 16 bytes of every chunk
  } while (chunks > 1);
  return data;
}

} // namespace rosso
