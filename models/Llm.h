// A language model that can be talked to in tokens: a graph, an engine that runs it, and how far
// the session has come.
#pragma once

#include "models/DecoderGraph.h"
#include "models/Engine.h"
#include "models/io/Vocabulary.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace rosso {

struct LlmOptions {
  int64_t context = 0;                   // 0: what the model was trained on, at most 4096
  int64_t chunk = 512;                   // tokens of one prefill
  const QuantFormat *kvFormat = nullptr; // null: f16
  std::string device = "host";           // a device, or "reference"
  int threads = 0;
  bool exact = false;
  bool noCache = false;
  bool withLogits = false;
  SamplerOptions sampler = {};
  DumpSink dump = {};
  LoadProgress progress = {};
};

/// The graph these options ask for.
GraphOptions graphOptions(const DecoderConfig &config, const LlmOptions &options);

class Llm {
public:
  /// `file` must outlive the result.
  static Result<std::unique_ptr<Llm>> load(const GgufFile &file, const LlmOptions &options);

  /// The graph that `load` would compile.
  static Result<Graph> graph(const GgufFile &file, const LlmOptions &options);

  /// Appends tokens to the session -> the token chosen to follow them.
  Result<TokenId> prefill(std::span<const TokenId> ids);
  /// Appends the token chosen last -> the next one.
  Result<TokenId> decode();
  /// The same for as many tokens as there is room in `next`. Steps are queued ahead, so that the
  /// device goes from one to the next without waiting for the host to read its token.
  Status decode(std::span<TokenId> next);
  /// Appends tokens; gives their rows of logits, [n, V], chunk by chunk. Needs
  /// LlmOptions::withLogits.
  using LogitsSink = std::function<Status(std::span<const float> rows)>;
  Status logits(std::span<const TokenId> ids, const LogitsSink &sink);
  /// Puts tokens where an entry will read them, at most a chunk; for those who run entries
  /// themselves.
  Status writeTokens(std::string_view entry, std::span<const TokenId> ids);
  /// Forgets the tokens after the first `position`; what the KV cache holds beyond the position is
  /// never read.
  void rewind(int64_t position) { position_ = std::min(position_, position); }
  /// Goes on as if `position` tokens had been read, at most as many as there is room for: what the
  /// KV cache holds of them is arbitrary. For measurements far into a context.
  void skipTo(int64_t position) { position_ = std::clamp<int64_t>(position, 0, context_); }

  int64_t position() const { return position_; } // tokens in the KV cache
  int64_t context() const { return context_; }
  int64_t chunk() const { return chunk_; } // tokens that one prefill reads at once
  const DecoderConfig &config() const { return config_; }
  const Graph &graph() const { return graph_; }
  Engine &engine() { return *engine_; }
  /// Null if the reference runs.
  DeviceEngine *deviceEngine() { return deviceEngine_; }

private:
  Llm() = default;
  Status checkIds(std::span<const TokenId> ids) const;
  Status checkRoom(size_t count) const;
  void writeSampling(const SamplerOptions &options);
  Result<TokenId> chosen(int entry);

  DecoderConfig config_;
  Graph graph_;
  std::unique_ptr<Engine> engine_;
  DeviceEngine *deviceEngine_ = nullptr;
  int64_t context_ = 0, chunk_ = 0, position_ = 0;
  int prefill_ = -1, decode_ = -1, logits_ = -1; // entries
};

} // namespace rosso
