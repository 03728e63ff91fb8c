#include "models/WeightLoader.h"

#include "ir/quant/Formats.h"
#include "ir/quant/Tile.h"
#include "runtime/host/ThreadPool.h"
#include "support/DType.h"

#include <algorithm>
#include <atomic>
#include <mutex>

namespace rosso {
namespace {

/// Part of a weight that one thread brings in at a time.
struct Piece {
  int weight = 0;
  uint64_t from = 0, fileBytes = 0; // in the source
  uint64_t to = 0, bytes = 0;       // in the weight's slot
  int64_t rows = 0;                 // of a band of tiles; 0: bytes are copied as they are
};

std::string describe(std::string_view format, const std::vector<int64_t> &shape) {
  std::string text(format);
  text += " [";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// Files drop extents of 1 in front, programs may too.
std::span<const int64_t> significant(const std::vector<int64_t> &shape) {
  std::span<const int64_t> rest = shape;
  while (!rest.empty() && rest.front() == 1)
    rest = rest.subspan(1);
  return rest;
}

/// Bytes of a dense or quantised tensor in row-major order; nothing where the format is unknown or
/// does not fit the shape.
std::optional<uint64_t> rowMajorBytes(std::string_view format, const std::vector<int64_t> &shape) {
  uint64_t elements = 1;
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(elements, static_cast<uint64_t>(extent), &elements))
      return std::nullopt;
  if (elements >> 48)
    return std::nullopt;
  if (const QuantFormat *quant = findFormat(format)) {
    if (!shape.empty() && shape.back() % quant->blockLen != 0)
      return std::nullopt;
    return elements / quant->blockLen * quant->blockSize;
  }
  if (auto dtype = findDType(format))
    return elements * byteSize(*dtype);
  return std::nullopt;
}

Error mismatch(const WeightSlot &slot, const WeightSource::Tensor &tensor) {
  return badInput("tensor " + slot.name + ": the file has " +
                  describe(tensor.format, tensor.shape) + ", the program wants " +
                  describe(slot.format, slot.shape) + "; compile for this file");
}

Error badSlot(const WeightSlot &slot) {
  return {ErrorCode::Internal, "weight " + slot.name + ": " + std::to_string(slot.bytes) +
                                   " bytes in layout '" + slot.layout + "' do not hold " +
                                   describe(slot.format, slot.shape)};
}

/// Cuts a weight into pieces of about `stagingBytes`.
Status cut(const WeightSlot &slot, int weight, const WeightSource &source, uint64_t stagingBytes,
           std::vector<Piece> &pieces) {
  const auto tensor = source.find(slot.name);
  if (!tensor)
    return badInput("tensor " + slot.name + ": not in the file; the program wants " +
                    describe(slot.format, slot.shape));
  if (tensor->format != slot.format ||
      !std::ranges::equal(significant(tensor->shape), significant(slot.shape)))
    return mismatch(slot, *tensor);
  const auto fileBytes = rowMajorBytes(slot.format, slot.shape);
  if (!fileBytes)
    return badSlot(slot);

  if (slot.layout == "rows") {
    if (slot.bytes != *fileBytes)
      return badSlot(slot);
    for (uint64_t at = 0; at < slot.bytes; at += stagingBytes) {
      const uint64_t bytes = std::min(stagingBytes, slot.bytes - at);
      pieces.push_back({weight, at, bytes, at, bytes, 0});
    }
    return {};
  }
  const QuantFormat *format = findFormat(slot.format);
  const TileShape *shape = findTileShape(slot.layout);
  if (!shape || !format || slot.shape.size() != 2 ||
      slot.bytes != tileBytes(*format, slot.shape[0], slot.shape[1], *shape))
    return badSlot(slot);
  const int64_t rows = slot.shape[0], cols = slot.shape[1];
  if (rows == 0 || cols == 0)
    return {};
  const uint64_t rowBytes = *fileBytes / static_cast<uint64_t>(rows);
  const uint64_t bandBytes = rowBytes * shape->rows;
  const auto bandRows =
      static_cast<int64_t>(std::max<uint64_t>(1, stagingBytes / bandBytes) * shape->rows);
  for (int64_t row = 0; row < rows; row += bandRows) {
    const int64_t count = std::min(bandRows, rows - row);
    const uint64_t at = static_cast<uint64_t>(row) * rowBytes;
    pieces.push_back({weight, at, static_cast<uint64_t>(count) * rowBytes, at,
                      tileBytes(*format, count, cols, *shape), count});
  }
  return {};
}

/// Threads take pieces in order until none is left or one has failed.
class Loading final : public ThreadPool::Job {
public:
  Loading(Executable &executable, const WeightSource &source, const WeightLoadOptions &options,
          std::vector<Piece> pieces)
      : executable_(executable), source_(source), options_(options), pieces_(std::move(pieces)) {
    for (const Piece &piece : pieces_)
      total_ += piece.bytes;
  }

  void work(unsigned) override {
    std::vector<uint8_t> staging, tiles;
    for (size_t i; !failed_.load(std::memory_order_relaxed) && (i = next_++) < pieces_.size();) {
      Status status = bring(pieces_[i], staging, tiles);
      const std::lock_guard lock(mutex_);
      if (!status) {
        failed_ = true;
        if (status_.ok())
          status_ = status.error().in("tensor " + slotOf(pieces_[i]).name);
      } else {
        done_ += pieces_[i].bytes;
        if (options_.progress)
          options_.progress(done_, total_);
      }
    }
  }

  Status status() const { return status_; }

private:
  const WeightSlot &slotOf(const Piece &piece) const {
    return executable_.program().weights[piece.weight];
  }

  Status bring(const Piece &piece, std::vector<uint8_t> &staging, std::vector<uint8_t> &tiles) {
    const WeightSlot &slot = slotOf(piece);
    const std::span<uint8_t> weight = executable_.weight(piece.weight);
    std::span<uint8_t> target; // where the device's memory cannot be seen, another staging buffer
    if (weight.empty()) {
      tiles.resize(piece.bytes);
      target = tiles;
    } else {
      target = weight.subspan(piece.to, piece.bytes);
    }
    if (piece.rows) {
      staging.resize(piece.fileBytes);
      ROSSO_CHECK(source_.read(slot.name, piece.from, staging));
      regroup(*findFormat(slot.format), piece.rows, slot.shape[1], *findTileShape(slot.layout),
              staging, target);
    } else {
      ROSSO_CHECK(source_.read(slot.name, piece.from, target));
    }
    if (!weight.empty())
      return {};
    const std::lock_guard lock(mutex_); // a device takes one upload at a time
    return executable_.uploadWeight(piece.weight, piece.to, target);
  }

  Executable &executable_;
  const WeightSource &source_;
  const WeightLoadOptions &options_;
  const std::vector<Piece> pieces_;
  uint64_t total_ = 0;
  std::atomic<size_t> next_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_; // guards what follows, and uploads
  uint64_t done_ = 0;
  Status status_;
};

} // namespace

Status loadWeights(Executable &executable, const WeightSource &source,
                   const WeightLoadOptions &options) {
  const std::vector<WeightSlot> &weights = executable.program().weights;
  std::vector<Piece> pieces;
  for (size_t i = 0; i < weights.size(); ++i)
    ROSSO_CHECK(cut(weights[i], static_cast<int>(i), source,
                    std::max<uint64_t>(options.stagingBytes, 4096), pieces));
  const size_t threads =
      options.threads > 0 ? static_cast<size_t>(options.threads) : allowedCores().size();
  ROSSO_TRY(auto pool, ThreadPool::start(static_cast<unsigned>(threads), false));
  Loading loading(executable, source, options, std::move(pieces));
  pool->run(loading);
  return loading.status();
}

} // namespace rosso
