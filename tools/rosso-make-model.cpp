// A GGUF of random weights in the shape of a well-known model: loads, runs and costs what the
// model costs, for tests and benchmarks. Written block by block, so that it needs little memory.
#include "models/io/GgufWriter.h"
#include "models/io/QuantMix.h"
#include "tools/make-model/MadeVocabulary.h"
#include "tools/make-model/RandomWeights.h"
#include "tools/make-model/Shapes.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numbers>
#include <string>
#include <string_view>
#include <vector>

using namespace rosso;

namespace {

constexpr const char *kUsage =
    R"(usage: rosso-make-model OUT.gguf --shape SHAPE --type TYPE [options]

Writes a model of random weights that has the shape, storage and tensors of a real one.

  --shape SHAPE   qwen2.5-0.5b, -1.5b, -3b, -7b, -14b, qwen3-0.6b, -8b, llama-3.1-8b, llama-3.2-1b,
                  tiny, tiny-llama, tiny-qwen3
  --type TYPE     as for rosso-quantize: q4_k_m, q8_0, q4_0, f16, ...; or iq1_s, iq1_m, iq2_xxs,
                  iq2_xs, iq2_s, iq3_xxs, iq3_s, in blocks of random bits
  --vocab GGUF    copy the tokenizer of this file; else one of single bytes is made up
  --seed N        other weights; default 1
  --header-only   matrices of zeros that take no room on disk: for rosso-dump, rosso-plan and
                  rosso-bench --device emu
  --help          print this
)";

struct Arguments {
  std::string out, vocabulary;
  const ModelShape *shape = nullptr;
  const QuantMix *mix = nullptr;
  uint64_t seed = 1;
  bool headerOnly = false, help = false;
};

Result<Arguments> parseArguments(int argc, char **argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      arguments.help = true;
      return arguments;
    }
    if (argument == "--header-only") {
      arguments.headerOnly = true;
      continue;
    }
    if (!argument.starts_with("-")) {
      if (!arguments.out.empty())
        return badInput("found a second file " + quoted(argument) + ", wanted one");
      arguments.out = argument;
      continue;
    }
    const std::string_view value = ++i < argc ? argv[i] : "";
    if (argument == "--shape") {
      arguments.shape = findModelShape(value);
      if (!arguments.shape)
        return badInput("--shape: found " + quoted(value) + ", wanted one of " + modelShapeNames());
    } else if (argument == "--type") {
      arguments.mix = findQuantMix(value);
      if (!arguments.mix)
        return badInput("--type: found " + quoted(value) + ", wanted one of " + quantMixNames());
    } else if (argument == "--vocab") {
      arguments.vocabulary = value;
    } else if (argument == "--seed") {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), arguments.seed);
      if (error != std::errc() || end != value.data() + value.size())
        return badInput("--seed: found " + quoted(value) + ", wanted a number");
    } else {
      return badInput("unknown option " + quoted(argument) + "; see rosso-make-model --help");
    }
  }
  if (arguments.out.empty() || !arguments.shape || !arguments.mix)
    return badInput("wanted a file name, --shape and --type; see rosso-make-model --help");
  return arguments;
}

/// A tensor and how its numbers are drawn.
struct RandomTensor {
  std::string name;
  std::vector<int64_t> ne; // innermost first
  const QuantFormat *format;
  float mean = 0, deviation = 0.02f;
  std::vector<float> values = {}; // instead of random ones
};

/// What LLaMA 3 divides each rotation frequency by: nothing where the wave is short, `ropeFactor`
/// where it is longer than the 8192 tokens the model was first trained on, a blend between.
/// Source: Llama 3.1's `apply_scaling`, low and high frequency factors 1 and 4.
std::vector<float> ropeDivisors(const ModelShape &shape) {
  constexpr double kContext = 8192, kLow = 1, kHigh = 4;
  std::vector<float> divisors;
  for (uint32_t i = 0; i < shape.headWidth / 2; ++i) {
    const double frequency = std::pow(shape.ropeBase, -2.0 * i / shape.headWidth);
    const double waves = kContext * frequency / (2 * std::numbers::pi);
    const double blend = std::clamp((waves - kLow) / (kHigh - kLow), 0.0, 1.0);
    divisors.push_back(static_cast<float>(1 / (blend + (1 - blend) / shape.ropeFactor)));
  }
  return divisors;
}

std::vector<RandomTensor> tensorsOf(const ModelShape &shape, const QuantMix &mix) {
  std::vector<RandomTensor> tensors;
  const MixedModel model{.layers = static_cast<int>(shape.layers), .hasOutput = !shape.tied};
  auto matrix = [&](const std::string &name, int64_t in, int64_t out) {
    const int64_t ne[] = {in, out};
    tensors.push_back({name, {in, out}, &formatFor(mix, model, name, ne)});
  };
  auto norm = [&](const std::string &name, int64_t width) {
    tensors.push_back({name, {width}, &kF32, 1.0f, 0.05f});
  };
  auto bias = [&](const std::string &name, int64_t width) {
    if (shape.biases)
      tensors.push_back({name, {width}, &kF32, 0.0f, 0.1f});
  };

  const int64_t width = shape.width, queries = int64_t{shape.heads} * shape.headWidth,
                keys = int64_t{shape.kvHeads} * shape.headWidth;
  matrix("token_embd.weight", width, shape.vocabulary);
  if (shape.ropeFactor != 0)
    tensors.push_back(
        {"rope_freqs.weight", {shape.headWidth / 2}, &kF32, 1, 0, ropeDivisors(shape)});
  for (uint32_t layer = 0; layer < shape.layers; ++layer) {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    norm(prefix + "attn_norm.weight", width);
    matrix(prefix + "attn_q.weight", width, queries);
    bias(prefix + "attn_q.bias", queries);
    matrix(prefix + "attn_k.weight", width, keys);
    bias(prefix + "attn_k.bias", keys);
    matrix(prefix + "attn_v.weight", width, keys);
    bias(prefix + "attn_v.bias", keys);
    if (shape.headNorms) {
      norm(prefix + "attn_q_norm.weight", shape.headWidth);
      norm(prefix + "attn_k_norm.weight", shape.headWidth);
    }
    matrix(prefix + "attn_output.weight", queries, width);
    norm(prefix + "ffn_norm.weight", width);
    matrix(prefix + "ffn_gate.weight", width, shape.feedForward);
    matrix(prefix + "ffn_up.weight", width, shape.feedForward);
    matrix(prefix + "ffn_down.weight", shape.feedForward, width);
  }
  norm("output_norm.weight", width);
  if (!shape.tied)
    matrix("output.weight", width, shape.vocabulary);
  return tensors;
}

void addMetadata(const ModelShape &shape, const QuantMix &mix, GgufWriter &writer) {
  const std::string prefix = std::string(shape.architecture) + ".";
  writer.add("general.architecture", shape.architecture);
  writer.add("general.name", std::string_view(std::string(shape.name) + " of random weights"));
  writer.add("general.quantization_version", uint32_t{2});
  writer.add("general.file_type", mix.fileType);
  writer.add(prefix + "block_count", shape.layers);
  writer.add(prefix + "context_length", shape.context);
  writer.add(prefix + "embedding_length", shape.width);
  writer.add(prefix + "feed_forward_length", shape.feedForward);
  writer.add(prefix + "attention.head_count", shape.heads);
  writer.add(prefix + "attention.head_count_kv", shape.kvHeads);
  writer.add(prefix + "attention.layer_norm_rms_epsilon", shape.normEpsilon);
  writer.add(prefix + "attention.key_length", shape.headWidth);
  writer.add(prefix + "attention.value_length", shape.headWidth);
  writer.add(prefix + "rope.dimension_count", shape.headWidth);
  writer.add(prefix + "rope.freq_base", shape.ropeBase);
  writer.add(prefix + "vocab_size", shape.vocabulary);
}

Status writeTensor(const RandomTensor &tensor, RandomWeights &random, GgufWriter &writer) {
  if (tensor.ne.size() == 1) { // vectors, in f32
    std::vector<float> values = tensor.values;
    for (int64_t i = 0; tensor.values.empty() && i < tensor.ne[0]; ++i)
      values.push_back(random.bell(tensor.mean, tensor.deviation));
    std::vector<uint8_t> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return writer.append(bytes);
  }
  const uint64_t unit = RandomWeights::unitBytes(*tensor.format);
  uint64_t left = tensor.format->fileRowBytes(tensor.ne[0]) * tensor.ne[1];
  std::vector<uint8_t> buffer((1 << 20) / unit * unit);
  while (left) {
    const auto piece = std::span(buffer).first(std::min<uint64_t>(left, buffer.size()));
    random.fill(*tensor.format, tensor.deviation, piece);
    ROSSO_CHECK(writer.append(piece));
    left -= piece.size();
  }
  return {};
}

Status run(const Arguments &arguments) {
  const auto begin = std::chrono::steady_clock::now();
  GgufWriter writer;
  addMetadata(*arguments.shape, *arguments.mix, writer);
  if (arguments.vocabulary.empty()) {
    makeVocabulary(arguments.shape->vocabulary, writer);
  } else {
    ROSSO_TRY(GgufFile file, GgufFile::open(arguments.vocabulary));
    ROSSO_CHECK(copyVocabulary(file, arguments.shape->vocabulary, writer));
  }
  const std::vector<RandomTensor> tensors = tensorsOf(*arguments.shape, *arguments.mix);
  for (const RandomTensor &tensor : tensors)
    writer.addTensor(tensor.name, tensor.ne, *tensor.format);
  ROSSO_CHECK(writer.open(arguments.out));
  RandomWeights random(arguments.seed);
  for (const RandomTensor &tensor : tensors) {
    const bool isMatrix = tensor.ne.size() > 1;
    ROSSO_CHECK(arguments.headerOnly && isMatrix ? writer.leaveHole()
                                                 : writeTensor(tensor, random, writer));
  }
  ROSSO_CHECK(writer.finish());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::fprintf(stderr, "%s: %zu tensors, %.1f MB, %.1f s\n", arguments.out.c_str(), tensors.size(),
               writer.tensorBytes() / 1e6, seconds);
  return {};
}

} // namespace

int main(int argc, char **argv) {
  auto arguments = parseArguments(argc, argv);
  if (arguments && arguments->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const Status status = arguments ? run(*arguments) : Status(arguments.error());
  if (!status) {
    std::fprintf(stderr, "error: %s\n", status.error().message.c_str());
    return exitCode(status.error());
  }
  return 0;
}
