// Text in, text out; or token ids in, logits out; or every kernel against the reference.
#include "models/Verify.h"
#include "models/io/Tokenizer.h"
#include "tools/cli/Conversation.h"
#include "tools/cli/Interrupt.h"
#include "tools/cli/ModelFlags.h"
#include "tools/cli/Npy.h"
#include "tools/cli/Progress.h"

#include <cstdio>
#include <iostream>
#include <optional>
#include <random>
#include <unistd.h>

using namespace rosso;
using namespace rosso::cli;

namespace {

struct Flags {
  ModelFlags model;
  std::string prompt, system, logits;
  std::vector<int32_t> inputIds;
  int64_t tokens = 0, seed = -1;
  SamplerOptions sampler{.temperature = 0.8};
  bool chat = false, printIds = false, ignoreEnd = false, verify = false, quiet = false;

  /// False if --help was printed.
  Result<bool> parse(int argc, char **argv) {
    Arguments arguments("rosso-run", "Continues a prompt with a language model.");
    model.declareModel(arguments);
    arguments.text("-p", "TEXT", "the prompt; with --chat the first message", prompt);
    arguments.flag("--chat", "a chat, by the model's template; without -p on the terminal", chat);
    arguments.text("--system", "TEXT", "the system message of a chat", system);
    arguments.integers("--input-ids", "token ids instead of a prompt", inputIds);
    arguments.integer("--tokens", "most tokens to generate (until the model or the context ends)",
                      tokens, 1, 1 << 24);
    arguments.number("--temp", "temperature; 0 is greedy (0.8)", sampler.temperature, 0, 100);
    arguments.integer("--top-k", "only the N likeliest; 0: all (40)", sampler.topK, 0, 1 << 20);
    arguments.number("--top-p", "the likeliest that make up this share (0.95)", sampler.topP, 0, 1);
    arguments.number("--min-p", "at least this share of the likeliest (0.05)", sampler.minP, 0, 1);
    arguments.number("--repeat-penalty", "divides scores of recent tokens (1)",
                     sampler.repeatPenalty, 0.01, 100);
    arguments.number("--presence-penalty", "taken from scores of recent tokens (0)",
                     sampler.presencePenalty, -100, 100);
    arguments.number("--frequency-penalty", "the same for each time they occur (0)",
                     sampler.frequencyPenalty, -100, 100);
    arguments.integer("--penalty-window", "how many tokens are recent (64)", sampler.penaltyWindow,
                      0, 1 << 20);
    arguments.integer("--seed", "of the sampler (chosen anew each time)", seed, 0, INT64_MAX);
    arguments.flag("--print-ids", "print ids of tokens instead of text", printIds);
    arguments.flag("--ignore-eos", "generate on where the model would end", ignoreEnd);
    arguments.text("--logits", "OUT.npy", "write the logits of the input, f32 [T, vocabulary]",
                   logits);
    arguments.flag("--verify", "compare every kernel with the reference", verify);
    model.declareContext(arguments);
    model.declareDevice(arguments);
    arguments.flag("--quiet", "no statistics and no progress", quiet);
    ROSSO_TRY(const bool run, arguments.parse(argc, argv));
    if (!run)
      return false;
    if (!prompt.empty() && !inputIds.empty())
      return badInput("both -p and --input-ids; wanted one of them");
    if (chat && (!inputIds.empty() || verify || !logits.empty()))
      return badInput("--chat with --input-ids, --verify or --logits; wanted one of them");
    if (!system.empty() && !chat)
      return badInput("--system without --chat");
    if (prompt.empty() && inputIds.empty() && !chat)
      return badInput("no prompt; use -p TEXT, --input-ids 1,2,3 or --chat");
    return true;
  }
};

void report(Llm &llm, const Flags &flags, const Generation &generation) {
  if (flags.quiet)
    return;
  const MemoryFacts memory = llm.engine().memory();
  const std::string name(llm.engine().name());
  std::fprintf(stderr, "device   %s\n", llm.engine().describe().c_str());
  std::fprintf(stderr, "prompt   %zu tokens, %.1f tokens/s on %s\n", generation.promptTokens,
               generation.promptRate(), name.c_str());
  std::fprintf(stderr, "text     %zu tokens, %.1f tokens/s on %s\n", generation.tokens.size(),
               generation.rate(), name.c_str());
  if (!flags.sampler.isGreedy())
    std::fprintf(stderr, "seed     %lld\n", static_cast<long long>(flags.seed));
  if (const DeviceEngine *engine = llm.deviceEngine())
    std::fprintf(stderr, "start    compiled in %.2f s%s, loaded in %.2f s\n",
                 engine->compileStats().seconds,
                 engine->compileStats().cached ? " (from the cache)" : "", engine->loadSeconds());
  std::fprintf(stderr, "memory   weights %s, KV cache %s, activations %s; peak %s\n",
               formatBytes(memory.weights).c_str(), formatBytes(memory.kv).c_str(),
               formatBytes(memory.activations).c_str(), formatBytes(peakResidentBytes()).c_str());
}

Status writeLogits(Llm &llm, const std::vector<TokenId> &ids, const std::string &path) {
  ROSSO_TRY(auto npy,
            NpyWriter::create(path, static_cast<int64_t>(ids.size()), llm.config().vocabulary));
  ROSSO_CHECK(llm.logits(ids, [&](std::span<const float> rows) { return npy.append(rows); }));
  return npy.finish();
}

Status verifyKernels(const GgufFile &file, Llm &llm, const std::vector<TokenId> &ids) {
  ROSSO_TRY(const VerifyReport report, verify(file, llm, ids));
  auto show = [](const KernelCheck &check) {
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, "relative error %.3g, limit %.3g", check.error,
                  check.limit);
    return check.entry + " launch " + std::to_string(check.launch) + ", kernel " + check.kernel +
           ", graph node %" + std::to_string(check.node) + ": " + numbers;
  };
  if (const KernelCheck *off = report.firstOff())
    return Error{ErrorCode::Internal, "verify: " + show(*off)};
  std::printf("%zu launches on %s, %zu results agree with the reference", report.launches,
              llm.engine().describe().c_str(), report.checks.size());
  if (report.unchecked)
    std::printf(" (%zu more are no value of the graph)", report.unchecked);
  if (const KernelCheck *worst = report.worst())
    std::printf("\nworst: %s", show(*worst).c_str());
  std::printf("\n");
  return {};
}

/// Answers -p, or everything that comes on standard input, line by line.
Status chat(const GgufFile &file, Llm &llm, const Tokenizer &tokenizer, const Flags &flags,
            Generation &generation) {
  ROSSO_TRY(const ChatTemplate form, ChatTemplate::create(file));
  Conversation conversation(llm, tokenizer, form, flags.system);
  if (!flags.prompt.empty())
    return conversation.say(flags.prompt, generation);
  const bool terminal = isatty(STDIN_FILENO) == 1;
  std::string line;
  while (!interrupted()) {
    if (terminal)
      std::fputs("> ", stderr);
    if (!std::getline(std::cin, line))
      break;
    if (!line.empty())
      ROSSO_CHECK(conversation.say(line, generation));
  }
  return {};
}

Status run(const Flags &flags) {
  ROSSO_TRY(const GgufFile file, GgufFile::open(flags.model.path));
  std::optional<Tokenizer> tokenizer;
  std::vector<TokenId> ids = flags.inputIds;
  const bool needsText =
      !flags.prompt.empty() || !(flags.printIds || flags.verify || !flags.logits.empty());
  if (auto created = Tokenizer::create(file))
    tokenizer.emplace(*std::move(created));
  else if (needsText)
    return created.error();
  if (!flags.prompt.empty() && !flags.chat) {
    ROSSO_TRY(ids, tokenizer->encode(flags.prompt));
  }

  Progress progress(flags.quiet);
  LlmOptions options = flags.model.options();
  options.sampler = flags.sampler;
  options.sampler.seed = static_cast<uint64_t>(flags.seed);
  options.withLogits = !flags.logits.empty();
  if (options.withLogits)
    options.chunk = 64; // rows of logits are long
  options.progress = [&](LoadStage stage, uint64_t done, uint64_t total) {
    progress.update(stage, done, total);
  };
  ROSSO_TRY(const auto llm, Llm::load(file, options));
  progress.clear();
  catchInterrupts();
  if (flags.verify)
    return verifyKernels(file, *llm, ids);
  if (options.withLogits) {
    if (!flags.quiet)
      std::fprintf(stderr, "device   %s\n", llm->engine().describe().c_str());
    return writeLogits(*llm, ids, flags.logits);
  }

  Generation generation(
      *llm, tokenizer ? &*tokenizer : nullptr,
      {.mostTokens = flags.tokens, .printIds = flags.printIds, .ignoreEnd = flags.ignoreEnd});
  ROSSO_CHECK(flags.chat ? chat(file, *llm, *tokenizer, flags, generation) : generation.run(ids));
  report(*llm, flags, generation);
  return {};
}

} // namespace

int main(int argc, char **argv) {
  Flags flags;
  auto parsed = flags.parse(argc, argv);
  if (!parsed || !*parsed)
    return finish(parsed ? Status() : parsed.error());
  if (flags.seed < 0)
    flags.seed = std::random_device{}() & 0x7FFFFFFF;
  return finish(run(flags));
}
