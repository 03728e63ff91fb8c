// One compiled model that serves several sequences: what a server drives.
//
// Each slot holds a sequence of tokens in the KV cache. A call of `run` extends some of them; rows
// that add one token decode together, so that the weights are read once for all. What a slot holds
// can be cut back to any length, and copied to another slot where the host sees the device's
// memory. One thread at a time.
#pragma once

#include "models/Engine.h"
#include "models/SlotGraph.h"
#include "models/TokenChoice.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rosso {

struct SlotEngineOptions {
  int64_t context = 0; // of each slot; 0: what the model was trained on, at most 32,768
  int64_t slots = 4;
  int64_t chunk = 512;
  const QuantFormat *kvFormat = nullptr; // null: f16
  std::string device = defaultDevice();
  int threads = 0;
  bool exact = false;
  bool noCache = false;
  bool embeds = false; // texts can be embedded; else only if the file was trained for that
  LoadProgress progress = {};
};

/// Appends tokens to a slot's sequence. With a choice, a token is chosen to follow (and not
/// appended). The last `draft` tokens are guesses: a token is chosen at each of them too, up to the
/// first that differs from the guess; guesses that were not confirmed leave the sequence again.
struct SlotRow {
  int64_t slot = 0;
  std::vector<TokenId> tokens;
  std::optional<ChoiceOptions> choice = std::nullopt;
  int64_t draft = 0;
};

class SlotEngine {
public:
  /// `file` must outlive the result.
  static Result<std::unique_ptr<SlotEngine>> load(const GgufFile &file,
                                                  const SlotEngineOptions &options);

  /// One row a slot at most -> for each row what was chosen: nothing, a token, or with a draft up
  /// to 1 + draft. Errors: BadInput for rows that cannot be, before anything runs.
  Result<std::vector<std::vector<ChosenToken>>> run(std::span<const SlotRow> rows);

  /// Bytes of results that the host has read from the device's memory, since the beginning.
  uint64_t bytesRead() const { return bytesRead_; }
  bool embeds() const { return embed_ >= 0; }
  /// Appends tokens to a slot's sequence, all of which came by this way -> the vector of the whole
  /// text so far, of length 1. Errors: Unsupported without `embeds`, BadInput as of `run`.
  Result<std::vector<float>> embed(int64_t slot, std::span<const TokenId> tokens);

  /// Forgets what follows the first `length` tokens -> how many remain.
  int64_t rewind(int64_t slot, int64_t length);
  /// The target's sequence becomes the first `length` tokens of the source's -> how many; 0 where
  /// the host does not see the device's memory.
  int64_t copy(int64_t source, int64_t target, int64_t length);

  std::span<const TokenId> sequence(int64_t slot) const {
    return sequences_[static_cast<size_t>(slot)];
  }
  int64_t context() const { return context_; }
  int64_t slots() const { return static_cast<int64_t>(sequences_.size()); }
  int64_t chunk() const { return chunk_; }
  const DecoderConfig &config() const { return config_; }
  DeviceEngine &engine() { return *engine_; }

private:
  SlotEngine() = default;
  Status check(std::span<const SlotRow> rows) const;
  Status extend(const SlotRow &row, std::vector<ChosenToken> &chosen);
  Status extendByDraft(const SlotRow &row, std::vector<ChosenToken> &chosen);
  Status decode(std::span<const SlotRow *const> rows,
                std::span<std::vector<ChosenToken> *const> chosen);
  /// Variables that the entry does not read may have any value.
  Status runEntry(int entry, std::span<const TokenId> tokens, VarValues values);
  /// Of the last run of an entry; the host's to change until the next.
  std::span<uint8_t> read(int entry, std::string_view name);
  /// Chooses by a line of what the last run of an entry gave.
  Status choose(const SlotRow &row, int entry, size_t line, std::vector<ChosenToken> &chosen);

  DecoderConfig config_;
  Graph graph_;
  std::unique_ptr<DeviceEngine> engine_;
  int64_t context_ = 0, chunk_ = 0;
  std::vector<std::vector<TokenId>> sequences_; // by slot: what its KV cache holds
  struct Pooled {
    size_t tokens = 0;
    std::vector<double> vector; // their sum, or the one that counts
  };
  std::vector<Pooled> pooled_; // by slot
  uint64_t bytesRead_ = 0;
  std::map<std::string, std::span<uint8_t>, std::less<>> seen_; // of the last run
  int prefill_ = -1, decode_ = -1, draft_ = -1, embed_ = -1;
  std::vector<std::pair<int64_t, int>> batches_; // rows, entry
};

} // namespace rosso
