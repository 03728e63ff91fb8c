#include "models/SlotEngine.h"

#include "ir/quant/Formats.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <set>

namespace rosso {

namespace {

constexpr int64_t kDefaultContext = 32768;

/// A line of a matrix of `width` columns.
template <typename T> std::span<T> lineOf(std::span<uint8_t> matrix, size_t line, size_t width) {
  return std::span(reinterpret_cast<T *>(matrix.data()) + line * width, width);
}

std::string rowName(const SlotRow &row) { return "slot " + std::to_string(row.slot); }

} // namespace

Result<std::unique_ptr<SlotEngine>> SlotEngine::load(const GgufFile &file,
                                                     const SlotEngineOptions &options) {
  auto engine = std::unique_ptr<SlotEngine>(new SlotEngine);
  ROSSO_TRY(engine->config_, DecoderConfig::read(file));
  engine->context_ =
      options.context ? options.context : std::min(engine->config_.trainedContext, kDefaultContext);
  engine->chunk_ = std::min(options.chunk, engine->context_);
  const SlotGraphOptions shape{.decoder = {.context = engine->context_,
                                           .kvFormat = options.kvFormat ? options.kvFormat : &kF16,
                                           .slots = options.slots},
                               .chunk = engine->chunk_,
                               .embeds = options.embeds || engine->config_.trainedToEmbed};
  ROSSO_TRY(engine->graph_, buildSlotGraph(file, engine->config_, shape));
  ROSSO_TRY(engine->engine_,
            DeviceEngine::create(file, engine->graph_,
                                 {.run = {.device = options.device, .threads = options.threads},
                                  .compile = {.exact = options.exact, .noCache = options.noCache},
                                  .progress = options.progress}));
  engine->sequences_.resize(static_cast<size_t>(options.slots));
  engine->pooled_.resize(static_cast<size_t>(options.slots));
  engine->prefill_ = engine->engine_->findEntry("prefill");
  engine->decode_ = engine->engine_->findEntry("decode");
  engine->draft_ = engine->engine_->findEntry("draft");
  engine->embed_ = engine->engine_->findEntry("embed");
  for (int64_t rows : kBatches)
    if (int entry = engine->engine_->findEntry("batch" + std::to_string(rows)); entry >= 0)
      engine->batches_.emplace_back(rows, entry);
  return engine;
}

Status SlotEngine::check(std::span<const SlotRow> rows) const {
  std::set<int64_t> seen;
  for (const SlotRow &row : rows) {
    if (row.slot < 0 || row.slot >= slots())
      return badInput(rowName(row) + ": there are " + std::to_string(slots()));
    if (!seen.insert(row.slot).second)
      return badInput(rowName(row) + ": two rows of one step");
    const auto count = static_cast<int64_t>(row.tokens.size());
    if (count == 0)
      return badInput(rowName(row) + ": a row without tokens");
    for (TokenId id : row.tokens)
      if (id < 0 || id >= config_.vocabulary)
        return badInput(rowName(row) + ": token " + std::to_string(id) + "; wanted 0 to " +
                        std::to_string(config_.vocabulary - 1));
    const auto held = static_cast<int64_t>(sequence(row.slot).size());
    if (held + count > context_)
      return badInput(rowName(row) + ": context is full: " + std::to_string(held) + " tokens and " +
                      std::to_string(count) + " more, it holds " + std::to_string(context_));
    if (row.draft < 0 || row.draft >= count || row.draft >= kMostDraft ||
        (row.draft > 0 && !row.choice))
      return badInput(rowName(row) + ": a draft of " + std::to_string(row.draft) + " among " +
                      std::to_string(count) + " tokens; wanted fewer than those and than " +
                      std::to_string(kMostDraft) + ", and a choice");
  }
  return {};
}

Status SlotEngine::runEntry(int entry, std::span<const TokenId> tokens, VarValues values) {
  Executable &executable = engine_->executable();
  std::vector<int64_t> ordered;
  for (const auto &[name, bounds] : executable.program().vars) {
    auto value = values.find(name);
    ordered.push_back(value == values.end() ? bounds.min : value->second);
  }
  std::memcpy(engine_->input(entry, "tokens").data(), tokens.data(), tokens.size_bytes());
  seen_.clear();
  return executable.run(entry, ordered);
}

std::span<uint8_t> SlotEngine::read(int entry, std::string_view name) {
  if (auto known = seen_.find(name); known != seen_.end())
    return known->second;
  const std::span<const uint8_t> bytes = engine_->output(entry, name);
  bytesRead_ += bytes.size();
  return seen_[std::string(name)] = {const_cast<uint8_t *>(bytes.data()), bytes.size()};
}

Status SlotEngine::choose(const SlotRow &row, int entry, size_t line,
                          std::vector<ChosenToken> &chosen) {
  const auto width = static_cast<size_t>(config_.vocabulary);
  const auto few = static_cast<size_t>(std::min(kLikeliest, config_.vocabulary));
  if (fewAreEnough(*row.choice, static_cast<int64_t>(few))) {
    const auto best = lineOf<float>(read(entry, "best"), line, few);
    const auto where = lineOf<TokenId>(read(entry, "where"), line, few);
    std::vector<Candidate> candidates;
    for (size_t i = 0; i < few; ++i)
      candidates.emplace_back(best[i], where[i]);
    ROSSO_TRY(ChosenToken token, chooseAmong(candidates, sequence(row.slot).size(), *row.choice));
    chosen.push_back(std::move(token));
  } else {
    const auto logits = lineOf<float>(read(entry, "logits"), line, width);
    ROSSO_TRY(ChosenToken token, chooseToken(logits, sequence(row.slot), *row.choice));
    chosen.push_back(std::move(token));
  }
  return {};
}

/// A part of a prompt: in chunks.
Status SlotEngine::extend(const SlotRow &row, std::vector<ChosenToken> &chosen) {
  std::vector<TokenId> &held = sequences_[static_cast<size_t>(row.slot)];
  std::span<const TokenId> left(row.tokens);
  while (!left.empty()) {
    const auto part = left.first(std::min(left.size(), static_cast<size_t>(chunk_)));
    ROSSO_CHECK(runEntry(prefill_, part,
                         {{"P", static_cast<int64_t>(held.size())},
                          {"S", row.slot},
                          {"T", static_cast<int64_t>(part.size())}}));
    held.insert(held.end(), part.begin(), part.end());
    left = left.subspan(part.size());
  }
  return row.choice ? choose(row, prefill_, 0, chosen) : Status();
}

/// Guesses at the end: what comes before them like a prompt, then all guesses at once.
Status SlotEngine::extendByDraft(const SlotRow &row, std::vector<ChosenToken> &chosen) {
  std::vector<TokenId> &held = sequences_[static_cast<size_t>(row.slot)];
  const size_t sure = row.tokens.size() - static_cast<size_t>(row.draft);
  if (sure > 1) {
    const SlotRow prompt{
        row.slot, {row.tokens.begin(), row.tokens.begin() + static_cast<ptrdiff_t>(sure) - 1}};
    std::vector<ChosenToken> none;
    ROSSO_CHECK(extend(prompt, none));
  }
  const auto tail = std::span(row.tokens).subspan(sure - 1);
  ROSSO_CHECK(runEntry(draft_, tail,
                       {{"P", static_cast<int64_t>(held.size())},
                        {"S", row.slot},
                        {"U", static_cast<int64_t>(tail.size())}}));
  for (size_t i = 0; i < tail.size(); ++i) {
    held.push_back(tail[i]);
    ROSSO_CHECK(choose(row, draft_, i, chosen));
    if (i + 1 < tail.size() && chosen.back().id != tail[i + 1])
      break; // the guesses from here on were wrong; what the cache holds of them is never read
  }
  return {};
}

/// One token of each of several slots, in as few passes over the weights as there are batches.
Status SlotEngine::decode(std::span<const SlotRow *const> rows,
                          std::span<std::vector<ChosenToken> *const> chosen) {
  while (!rows.empty()) {
    int64_t size = 1;
    int entry = decode_;
    for (const auto &[batch, batchEntry] : batches_)
      if (size < static_cast<int64_t>(rows.size())) {
        size = batch;
        entry = batchEntry;
      }
    const size_t used = std::min(rows.size(), static_cast<size_t>(size));
    std::vector<TokenId> tokens;
    VarValues values;
    for (int64_t i = 0; i < size; ++i) { // what is left of a batch repeats its first row
      const SlotRow &row = *rows[static_cast<size_t>(i) < used ? static_cast<size_t>(i) : 0];
      const std::string number = size == 1 ? "" : std::to_string(i);
      tokens.push_back(row.tokens[0]);
      values["P" + number] = static_cast<int64_t>(sequence(row.slot).size());
      values["S" + number] = row.slot;
    }
    ROSSO_CHECK(runEntry(entry, tokens, std::move(values)));
    for (size_t i = 0; i < used; ++i) {
      sequences_[static_cast<size_t>(rows[i]->slot)].push_back(rows[i]->tokens[0]);
      ROSSO_CHECK(choose(*rows[i], entry, i, *chosen[i]));
    }
    rows = rows.subspan(used);
    chosen = chosen.subspan(used);
  }
  return {};
}

Result<std::vector<std::vector<ChosenToken>>> SlotEngine::run(std::span<const SlotRow> rows) {
  ROSSO_CHECK(check(rows));
  std::vector<std::vector<ChosenToken>> chosen(rows.size());
  std::vector<const SlotRow *> single;
  std::vector<std::vector<ChosenToken> *> chosenOfSingle;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].tokens.size() == 1 && rows[i].choice) {
      single.push_back(&rows[i]);
      chosenOfSingle.push_back(&chosen[i]);
    } else {
      ROSSO_CHECK(rows[i].draft > 0 ? extendByDraft(rows[i], chosen[i])
                                    : extend(rows[i], chosen[i]));
    }
  }
  ROSSO_CHECK(decode(single, chosenOfSingle));
  return chosen;
}

Result<std::vector<float>> SlotEngine::embed(int64_t slot, std::span<const TokenId> tokens) {
  if (!embeds())
    return unsupported("this model was loaded without a way to embed");
  const SlotRow row{slot, {tokens.begin(), tokens.end()}};
  ROSSO_CHECK(check({&row, 1}));
  std::vector<TokenId> &held = sequences_[static_cast<size_t>(slot)];
  Pooled &pooled = pooled_[static_cast<size_t>(slot)];
  if (pooled.tokens != held.size())
    return badInput(rowName(row) + ": holds " + std::to_string(held.size()) + " tokens, of which " +
                    std::to_string(pooled.tokens) + " were embedded; rewind it");
  for (std::span<const TokenId> left = tokens; !left.empty();) {
    const auto part = left.first(std::min(left.size(), static_cast<size_t>(chunk_)));
    ROSSO_CHECK(runEntry(embed_, part,
                         {{"P", static_cast<int64_t>(held.size())},
                          {"S", slot},
                          {"T", static_cast<int64_t>(part.size())}}));
    const std::span<const uint8_t> bytes = read(embed_, "pooled");
    const std::span x(reinterpret_cast<const float *>(bytes.data()), bytes.size() / sizeof(float));
    if (held.empty() || config_.pooling == Pooling::Last)
      pooled.vector.assign(x.begin(), x.end());
    else if (config_.pooling == Pooling::Mean)
      std::ranges::transform(pooled.vector, x, pooled.vector.begin(), std::plus());
    held.insert(held.end(), part.begin(), part.end());
    pooled.tokens = held.size();
    left = left.subspan(part.size());
  }
  double squares = 0; // the length of a mean is that of a sum but for a factor
  for (double value : pooled.vector)
    squares += value * value;
  const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
  std::vector<float> vector;
  for (double value : pooled.vector)
    vector.push_back(static_cast<float>(value * scale));
  return vector;
}

int64_t SlotEngine::rewind(int64_t slot, int64_t length) {
  pooled_[static_cast<size_t>(slot)] = {};
  std::vector<TokenId> &held = sequences_[static_cast<size_t>(slot)];
  held.resize(std::min(held.size(), static_cast<size_t>(std::max<int64_t>(0, length))));
  return static_cast<int64_t>(held.size());
}

int64_t SlotEngine::copy(int64_t source, int64_t target, int64_t length) {
  if (source == target)
    return rewind(target, length);
  const std::vector<TokenId> &from = sequences_[static_cast<size_t>(source)];
  const size_t count = std::min(from.size(), static_cast<size_t>(std::max<int64_t>(0, length)));
  std::vector<TokenId> &to = sequences_[static_cast<size_t>(target)];
  to.clear();
  pooled_[static_cast<size_t>(target)] = {};
  Executable &executable = engine_->executable();
  const auto &states = executable.program().states;
  for (size_t i = 0; i < states.size(); ++i) { // [slots * G, C, d]
    const std::span<uint8_t> memory = executable.state(static_cast<int>(i));
    if (memory.empty())
      return 0;
    const int64_t heads = config_.kvHeads;
    const uint64_t headBytes = memory.size() / static_cast<uint64_t>(slots() * heads);
    const uint64_t used = headBytes / static_cast<uint64_t>(context_) * count;
    for (int64_t head = 0; head < heads; ++head)
      std::memcpy(memory.data() + static_cast<uint64_t>(target * heads + head) * headBytes,
                  memory.data() + static_cast<uint64_t>(source * heads + head) * headBytes, used);
  }
  to.assign(from.begin(), from.begin() + static_cast<ptrdiff_t>(count));
  return static_cast<int64_t>(count);
}

} // namespace rosso
