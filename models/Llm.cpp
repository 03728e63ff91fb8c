#include "models/Llm.h"

#include "ir/quant/Formats.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace rosso {

namespace {

constexpr int64_t kDefaultContext = 4096;

/// Copies into an input if the entry has it.
void fill(std::span<uint8_t> input, const void *data, size_t bytes) {
  if (!input.empty())
    std::memcpy(input.data(), data, bytes);
}

} // namespace

GraphOptions graphOptions(const DecoderConfig &config, const LlmOptions &options) {
  const int64_t context =
      options.context ? options.context : std::min(config.trainedContext, kDefaultContext);
  return {.decoder = {.context = context, .kvFormat = options.kvFormat ? options.kvFormat : &kF16},
          .sampler = options.sampler,
          .chunk = options.chunk,
          .withLogits = options.withLogits};
}

Result<Graph> Llm::graph(const GgufFile &file, const LlmOptions &options) {
  ROSSO_TRY(const DecoderConfig config, DecoderConfig::read(file));
  return buildDecoderGraph(file, config, graphOptions(config, options));
}

Result<std::unique_ptr<Llm>> Llm::load(const GgufFile &file, const LlmOptions &options) {
  auto llm = std::unique_ptr<Llm>(new Llm);
  ROSSO_TRY(llm->config_, DecoderConfig::read(file));
  const GraphOptions shape = graphOptions(llm->config_, options);
  ROSSO_TRY(llm->graph_, buildDecoderGraph(file, llm->config_, shape));
  llm->context_ = shape.decoder.context;
  llm->chunk_ = std::min(shape.chunk, shape.decoder.context);
  if (options.device == kReferenceDevice) {
    llm->engine_ = makeReferenceEngine(file, llm->graph_);
  } else {
    const EngineOptions engineOptions{
        .run = {.device = options.device, .threads = options.threads},
        .compile = {.exact = options.exact, .noCache = options.noCache, .dump = options.dump},
        .progress = options.progress};
    ROSSO_TRY(auto engine, DeviceEngine::create(file, llm->graph_, engineOptions));
    llm->deviceEngine_ = engine.get();
    llm->engine_ = std::move(engine);
  }
  llm->prefill_ = llm->engine_->findEntry("prefill");
  llm->decode_ = llm->engine_->findEntry("decode");
  llm->logits_ = llm->engine_->findEntry("logits");
  llm->writeSampling(options.sampler);
  return llm;
}

void Llm::writeSampling(const SamplerOptions &options) {
  const auto numbers = options.numbers();
  const auto seed = options.seedWords();
  for (int entry : {prefill_, decode_}) {
    fill(engine_->input(entry, "sampling"), numbers.data(), sizeof numbers);
    fill(engine_->input(entry, "seed"), seed.data(), sizeof seed);
  }
}

Status Llm::checkIds(std::span<const TokenId> ids) const {
  if (ids.empty())
    return badInput("no tokens; wanted one or more");
  for (TokenId id : ids)
    if (id < 0 || id >= config_.vocabulary)
      return badInput("token id " + std::to_string(id) + ": wanted 0 to " +
                      std::to_string(config_.vocabulary - 1));
  return checkRoom(ids.size());
}

Status Llm::checkRoom(size_t count) const {
  if (position_ + static_cast<int64_t>(count) <= context_)
    return {};
  return badInput("context is full: " + std::to_string(position_) + " tokens and " +
                  std::to_string(count) + " more, it holds " + std::to_string(context_) +
                  "; use a larger --ctx or a shorter text");
}

Status Llm::writeTokens(std::string_view entry, std::span<const TokenId> ids) {
  ROSSO_CHECK(checkIds(ids));
  if (static_cast<int64_t>(ids.size()) > chunk_)
    return badInput(std::to_string(ids.size()) + " tokens at once; wanted at most " +
                    std::to_string(chunk_));
  fill(engine_->input(engine_->findEntry(entry), "tokens"), ids.data(), ids.size_bytes());
  return {};
}

Result<TokenId> Llm::chosen(int entry) {
  TokenId id = -1;
  std::memcpy(&id, engine_->output(entry, "token").data(), sizeof id);
  return id;
}

Result<TokenId> Llm::prefill(std::span<const TokenId> ids) {
  ROSSO_CHECK(checkIds(ids));
  for (size_t at = 0; at < ids.size();) {
    const auto part = ids.subspan(at, std::min(ids.size() - at, static_cast<size_t>(chunk_)));
    fill(engine_->input(prefill_, "tokens"), part.data(), part.size_bytes());
    ROSSO_CHECK(engine_->run(prefill_, position_, static_cast<int64_t>(part.size())));
    position_ += static_cast<int64_t>(part.size());
    at += part.size();
  }
  return chosen(prefill_);
}

Result<TokenId> Llm::decode() {
  ROSSO_CHECK(checkRoom(1));
  ROSSO_CHECK(engine_->run(decode_, position_, 1));
  ++position_;
  return chosen(decode_);
}

Status Llm::decode(std::span<TokenId> next) {
  ROSSO_CHECK(checkRoom(next.size()));
  if (!deviceEngine_) {
    for (TokenId &token : next) {
      ROSSO_TRY(token, decode());
    }
    return {};
  }
  std::array<Ticket, Device::kRunsAhead> tickets{};
  for (size_t queued = 0, read = 0; read < next.size(); ++read, ++position_) {
    for (; queued < next.size() && queued - read < tickets.size(); ++queued) {
      const int64_t position = position_ + static_cast<int64_t>(queued - read);
      ROSSO_TRY(tickets[queued % tickets.size()], deviceEngine_->submit(decode_, position, 1));
    }
    ROSSO_TRY(const auto token,
              deviceEngine_->outputOf(tickets[read % tickets.size()], decode_, "token"));
    if (token.size() != sizeof(TokenId))
      return Error{ErrorCode::Internal, "the token of a step that was queued ahead was not kept"};
    std::memcpy(&next[read], token.data(), sizeof(TokenId));
  }
  return {};
}

Status Llm::logits(std::span<const TokenId> ids, const LogitsSink &sink) {
  if (logits_ < 0)
    return Error{ErrorCode::Internal, "the model was loaded without the entry logits"};
  ROSSO_CHECK(checkIds(ids));
  for (size_t at = 0; at < ids.size();) {
    const auto part = ids.subspan(at, std::min(ids.size() - at, static_cast<size_t>(chunk_)));
    fill(engine_->input(logits_, "tokens"), part.data(), part.size_bytes());
    ROSSO_CHECK(engine_->run(logits_, position_, static_cast<int64_t>(part.size())));
    const auto *rows = reinterpret_cast<const float *>(engine_->output(logits_, "logits").data());
    ROSSO_CHECK(sink({rows, part.size() * static_cast<size_t>(config_.vocabulary)}));
    position_ += static_cast<int64_t>(part.size());
    at += part.size();
  }
  return {};
}

} // namespace rosso
