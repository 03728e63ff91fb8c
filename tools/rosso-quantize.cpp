// A GGUF of floats -> a GGUF of blocks.
#include "ir/quant/Expand.h"
#include "ir/quant/Pack.h"
#include "models/io/GgufWriter.h"
#include "models/io/QuantMix.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace rosso;

namespace {

constexpr const char *kUsage =
    R"(usage: rosso-quantize IN.gguf OUT.gguf --type TYPE [options]

Writes IN, a model in f32, f16 or bf16, with its matrices packed. Tensors that are packed
already, vectors and norms are kept.

  --type TYPE     f16, bf16, q8_0, q6_k, q5_k, q5_k_m, q4_k, q4_k_m, q3_k, q2_k, q4_0, q4_1, q5_0,
                  q5_1, iq4_nl, iq4_xs, mxfp4, q1_0, tq2_0; the _m types spend more bits where it
                  matters most
  --threads N     default: all processors
  --help          print this
)";

struct Arguments {
  std::string in, out;
  const QuantMix *mix = nullptr;
  unsigned threads = std::max(1u, std::thread::hardware_concurrency());
  bool help = false;
};

Result<Arguments> parseArguments(int argc, char **argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::string_view value = i + 1 < argc ? argv[i + 1] : "";
    if (argument == "--help" || argument == "-h") {
      arguments.help = true;
      return arguments;
    }
    if (argument == "--type") {
      arguments.mix = findQuantMix(value);
      if (!arguments.mix)
        return badInput("--type: found " + quoted(value) + ", wanted one of " + quantMixNames());
      if (!arguments.mix->canBePacked())
        return badInput("--type: " + std::string(value) +
                        " is a type that we read but cannot pack; wanted one of " +
                        quantMixNames());
      ++i;
    } else if (argument == "--threads") {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), arguments.threads);
      if (error != std::errc() || end != value.data() + value.size() || arguments.threads < 1 ||
          arguments.threads > 1024)
        return badInput("--threads: found " + quoted(value) + ", wanted 1 to 1024");
      ++i;
    } else if (argument.starts_with("-")) {
      return badInput("unknown option " + quoted(argument) + "; see rosso-quantize --help");
    } else if (arguments.in.empty()) {
      arguments.in = argument;
    } else if (arguments.out.empty()) {
      arguments.out = argument;
    } else {
      return badInput("found a third file " + quoted(argument) +
                      ", wanted an input and an output; see rosso-quantize --help");
    }
  }
  if (arguments.out.empty())
    return badInput("wanted an input and an output file; see rosso-quantize --help");
  if (!arguments.mix)
    return badInput("wanted --type, one of " + quantMixNames());
  if (arguments.in == arguments.out)
    return badInput("input and output are both " + quoted(arguments.in));
  return arguments;
}

/// Calls work(thread, begin, end) on equal shares of [0, count).
template <typename Work> void shareOut(int64_t count, unsigned threads, const Work &work) {
  std::vector<std::thread> pool;
  for (unsigned t = 1; t < threads; ++t)
    pool.emplace_back([&, t] { work(t, count * t / threads, count * (t + 1) / threads); });
  work(0u, 0, count / threads);
  for (std::thread &thread : pool)
    thread.join();
}

/// The error that packing made, summed over rows.
struct Loss {
  double error = 0, square = 0;
  bool finite = true;

  void operator+=(const Loss &other) {
    error += other.error, square += other.square;
    finite = finite && other.finite;
  }
  double relative() const { return square > 0 ? std::sqrt(error / square) : 0; }
};

/// Packs rows of `from` into rows of `to`.
Loss repackRows(const QuantFormat &from, std::span<const uint8_t> source, const QuantFormat &to,
                std::span<uint8_t> target, int64_t rows, int64_t cols) {
  Loss loss;
  std::vector<float> weights(cols), kept(cols);
  const uint64_t fromBytes = from.rowBytes(cols), toBytes = to.rowBytes(cols);
  for (int64_t row = 0; row < rows; ++row) {
    expandRow(from, source.subspan(row * fromBytes, fromBytes), weights);
    if (!std::all_of(weights.begin(), weights.end(), [](float w) { return std::isfinite(w); })) {
      loss.finite = false;
      return loss;
    }
    packRow(to, weights, target.subspan(row * toBytes, toBytes));
    expandRow(to, target.subspan(row * toBytes, toBytes), kept);
    for (int64_t i = 0; i < cols; ++i) {
      loss.error += std::pow(double(kept[i]) - weights[i], 2);
      loss.square += std::pow(double(weights[i]), 2);
    }
  }
  return loss;
}

/// Bytes as they are, some megabytes at a time.
Status copy(const GgufFile &file, const GgufTensor &tensor, GgufWriter &writer) {
  constexpr uint64_t kChunk = 4 << 20;
  std::span<const uint8_t> left = file.data(tensor);
  while (!left.empty()) {
    const auto chunk = left.first(std::min<uint64_t>(kChunk, left.size()));
    ROSSO_CHECK(writer.append(chunk));
    left = left.subspan(chunk.size());
  }
  return {};
}

/// Streams one tensor through memory, some megabytes at a time.
Result<Loss> convert(const GgufFile &file, const GgufTensor &tensor, const QuantFormat &format,
                     unsigned threads, GgufWriter &writer) {
  constexpr int64_t kChunkWeights = 4 << 20;
  const int64_t cols = tensor.ne[0], rows = cols ? tensor.elements() / cols : 0;
  const int64_t chunkRows = std::clamp<int64_t>(kChunkWeights / std::max<int64_t>(cols, 1), 1,
                                                std::max<int64_t>(rows, 1));
  const uint64_t fromBytes = tensor.format->rowBytes(cols), toBytes = format.rowBytes(cols);
  std::vector<uint8_t> source(chunkRows * fromBytes), target(chunkRows * toBytes);
  Loss total;
  for (int64_t first = 0; first < rows; first += chunkRows) {
    const int64_t count = std::min(chunkRows, rows - first);
    ROSSO_CHECK(file.read(tensor, first * fromBytes, std::span(source).first(count * fromBytes)));
    std::vector<Loss> losses(threads);
    shareOut(count, threads, [&](unsigned thread, int64_t begin, int64_t end) {
      losses[thread] =
          repackRows(*tensor.format, std::span(source).subspan(begin * fromBytes), format,
                     std::span(target).subspan(begin * toBytes), end - begin, cols);
    });
    for (const Loss &loss : losses)
      total += loss;
    if (!total.finite)
      return badInput(file.path() + ": " + tensor.name + ": rows " + std::to_string(first) +
                      " to " + std::to_string(first + count - 1) +
                      " hold a NaN or an infinity, which no block can store; the model is broken");
    ROSSO_CHECK(writer.append(std::span(target).first(count * toBytes)));
  }
  return total;
}

Result<MixedModel> describe(const GgufFile &file) {
  ROSSO_TRY(std::string_view architecture, file.getString("general.architecture"));
  ROSSO_TRY(uint64_t layers, file.getU64(std::string(architecture) + ".block_count"));
  return MixedModel{.layers = static_cast<int>(std::min<uint64_t>(layers, 1 << 20)),
                    .hasOutput = file.findTensor("output.weight") != nullptr};
}

/// Everything but what packing changes, and how the input was split over files.
void copyMetadata(const GgufFile &file, uint32_t fileType, GgufWriter &writer) {
  for (std::string_view key : file.keys())
    if (key != "general.file_type" && key != "general.quantization_version" &&
        key != "general.alignment" && !key.starts_with("split."))
      writer.add(key, *file.find(key));
  writer.add("general.quantization_version", uint32_t{2});
  writer.add("general.file_type", fileType);
}

Status run(const Arguments &arguments) {
  const auto begin = std::chrono::steady_clock::now();
  ROSSO_TRY(GgufFile file, GgufFile::open(arguments.in));
  ROSSO_TRY(MixedModel model, describe(file));

  GgufWriter writer;
  copyMetadata(file, arguments.mix->fileType, writer);
  std::vector<const QuantFormat *> formats;
  for (const GgufTensor &tensor : file.tensors()) {
    ROSSO_CHECK(file.usable(tensor));
    if (tensor.ne.empty())
      return badInput(file.path() + ": " + tensor.name + " has no dimensions, wanted at least one");
    formats.push_back(tensor.format->isFloat() && tensor.ne.size() > 1
                          ? &formatFor(*arguments.mix, model, tensor.name, tensor.ne)
                          : tensor.format);
    writer.addTensor(tensor.name, tensor.ne, *formats.back());
  }
  ROSSO_CHECK(writer.open(arguments.out));

  int64_t weights = 0;
  for (size_t i = 0; i < formats.size(); ++i) {
    const GgufTensor &tensor = file.tensors()[i];
    weights += tensor.elements();
    if (formats[i] == tensor.format) {
      ROSSO_CHECK(copy(file, tensor, writer));
      continue;
    }
    ROSSO_TRY(Loss loss, convert(file, tensor, *formats[i], arguments.threads, writer));
    std::fprintf(stderr, "%-28s %-5s -> %-6s relative error %.5f%s\n", tensor.name.c_str(),
                 std::string(tensor.format->name).c_str(), std::string(formats[i]->name).c_str(),
                 loss.relative(),
                 tensor.ne[0] % arguments.mix->base->blockLen
                     ? "  (rows are no multiple of the wanted block)"
                     : "");
  }
  ROSSO_CHECK(writer.finish());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::fprintf(stderr, "%s: %.1f MB of tensors, %.2f bits a weight, %.1f s\n",
               arguments.out.c_str(), writer.tensorBytes() / 1e6,
               8.0 * writer.tensorBytes() / std::max<int64_t>(weights, 1), seconds);
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
