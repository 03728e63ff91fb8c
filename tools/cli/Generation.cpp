#include "tools/cli/Generation.h"

#include "tools/cli/Interrupt.h"

#include <chrono>
#include <cstdio>
#include <optional>

namespace rosso::cli {

namespace {

class Stopwatch {
public:
  /// Seconds since the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> elapsed = now - last_;
    last_ = now;
    return elapsed.count();
  }

private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

} // namespace

bool Generation::ends(TokenId id) const {
  return !options_.ignoreEnd && tokenizer_ && tokenizer_->endsGeneration(id);
}

Status Generation::run(std::span<const TokenId> prompt) {
  std::optional<StreamDecoder> decoder;
  if (tokenizer_ && !options_.printIds)
    decoder.emplace(*tokenizer_);
  tokens.clear();
  text.clear();
  auto write = [&](const std::string &piece) {
    text += piece;
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
  };
  auto show = [&](TokenId id) {
    if (decoder)
      write(decoder->push(id));
    else
      write((tokens.empty() ? "" : ",") + std::to_string(id));
    tokens.push_back(id);
  };

  Stopwatch watch;
  promptTokens = prompt.size();
  if (llm_.position() + static_cast<int64_t>(prompt.size()) <= llm_.context())
    while (prompt.size() > static_cast<size_t>(llm_.chunk()) && !interrupted()) {
      const auto part = prompt.first(static_cast<size_t>(llm_.chunk()));
      if (auto read = llm_.prefill(part); !read)
        return read.error();
      prompt = prompt.subspan(part.size());
    }
  if (interrupted())
    return {};
  ROSSO_TRY(TokenId next, llm_.prefill(prompt));
  promptSeconds = watch.lap();
  decodeSeconds = 0;
  decodeSteps = 0;
  const auto most = static_cast<size_t>(options_.mostTokens);
  while (!interrupted() && !ends(next)) {
    show(next);
    if ((most && tokens.size() == most) || llm_.position() == llm_.context())
      break;
    watch.lap();
    ROSSO_TRY(next, llm_.decode());
    decodeSeconds += watch.lap();
    ++decodeSteps;
  }
  if (decoder)
    write(decoder->finish());
  std::fputc('\n', stdout);
  std::fflush(stdout);
  return {};
}

} // namespace rosso::cli
