#include "models/Rope.h"

#include "ir/quant/Expand.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace rosso {

namespace {

/// Divisors of the frequencies, [r]: LLaMA 3 stores its stretching in this form.
Result<std::vector<float>> frequencyFactors(const GgufFile &file, size_t pairs) {
  std::vector<float> factors(pairs, 1.0f);
  const GgufTensor *tensor = file.findTensor("rope_freqs.weight");
  if (!tensor)
    return factors;
  ROSSO_CHECK(file.usable(*tensor));
  if (tensor->elements() != static_cast<int64_t>(pairs) || !tensor->format->isFloat())
    return badInput(file.path() + ": tensor rope_freqs.weight: found " +
                    std::to_string(tensor->elements()) + " elements of " +
                    std::string(tensor->format->name) + ", wanted " + std::to_string(pairs) +
                    " floats, one per pair that turns");
  std::vector<uint8_t> bytes(tensor->bytes);
  ROSSO_CHECK(file.read(*tensor, 0, bytes));
  expandRow(*tensor->format, bytes, factors);
  for (float factor : factors)
    if (!(factor > 0) || !std::isfinite(factor))
      return badInput(file.path() + ": tensor rope_freqs.weight: found a factor " +
                      std::to_string(factor) + ", wanted positive numbers");
  return factors;
}

/// YaRN: slow pairs are stretched over the longer context, fast ones keep turning as trained, and
/// those between are mixed. Source: Peng 2023, equations 20 to 23; defaults as in GGML.
struct Yarn {
  double factor = 1;
  double trainedContext = 0;
  double betaFast = 32, betaSlow = 1; // turns over the trained context

  /// The (fractional) pair that makes `turns` turns over the trained context.
  double pairOf(double turns, double dims, double base) const {
    return dims * std::log(trainedContext / (turns * 2 * std::numbers::pi)) / (2 * std::log(base));
  }
  double stretched(double frequency, size_t pair, double dims, double base) const {
    const double low = std::max(0.0, std::floor(pairOf(betaFast, dims, base)));
    const double high = std::min(dims - 1, std::ceil(pairOf(betaSlow, dims, base)));
    const double ramp =
        (static_cast<double>(pair) - low) / std::max(0.001, high - low); // 0: as trained
    const double mix = std::clamp(ramp, 0.0, 1.0);
    return frequency * (1 - mix) + frequency / factor * mix;
  }
};

} // namespace

Status readRope(const GgufFile &file, DecoderConfig &config) {
  const std::string prefix = config.architecture + ".rope.";
  auto error = [&](const std::string &key, const std::string &found, const std::string &wanted) {
    return badInput(file.path() + ": key " + prefix + key + ": found " + found + ", wanted " +
                    wanted);
  };
  ROSSO_TRY(int64_t dims, file.getI64(prefix + "dimension_count", config.headWidth));
  if (dims < 2 || dims % 2 != 0 || dims > config.headWidth)
    return error("dimension_count", std::to_string(dims),
                 "an even number up to the head width " + std::to_string(config.headWidth));
  ROSSO_TRY(double base, file.getF64(prefix + "freq_base", 10000.0));
  if (!(base > 1) || !std::isfinite(base))
    return error("freq_base", std::to_string(base), "a number above 1");

  // Old files have "scale_linear" instead of a scaling type.
  ROSSO_TRY(double oldFactor, file.getF64(prefix + "scale_linear", 1.0));
  ROSSO_TRY(double factor, file.getF64(prefix + "scaling.factor", oldFactor));
  ROSSO_TRY(std::string_view type, file.getString(prefix + "scaling.type", "linear"));
  if (factor == 0) // written by some converters for "none"
    factor = 1;
  if (!(factor > 0) || !std::isfinite(factor))
    return error("scaling.factor", std::to_string(factor), "a positive number");
  if (type == "none")
    factor = 1;
  else if (type != "linear" && type != "yarn")
    return unsupported(error("scaling.type", quoted(type), "none, linear or yarn").message);

  Yarn yarn{.factor = factor};
  if (type == "yarn") {
    ROSSO_TRY(int64_t trained,
              file.getI64(prefix + "scaling.original_context_length", config.trainedContext));
    if (trained < 1)
      return error("scaling.original_context_length", std::to_string(trained), "1 or more");
    yarn.trainedContext = static_cast<double>(trained);
    ROSSO_TRY(yarn.betaFast, file.getF64(prefix + "scaling.yarn_beta_fast", 32.0));
    ROSSO_TRY(yarn.betaSlow, file.getF64(prefix + "scaling.yarn_beta_slow", 1.0));
    ROSSO_TRY(double attention, file.getF64(prefix + "scaling.attn_factor", 1.0));
    config.ropeMagnitude = attention * (1 + 0.1 * std::log(factor));
  }

  const auto pairs = static_cast<size_t>(dims / 2);
  ROSSO_TRY(std::vector<float> factors, frequencyFactors(file, pairs));
  for (size_t i = 0; i < pairs; ++i) {
    const double frequency =
        std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(dims)) / factors[i];
    const double scaled = type == "yarn"
                              ? yarn.stretched(frequency, i, static_cast<double>(dims), base)
                              : frequency / factor;
    config.ropeFrequencies.push_back(static_cast<float>(scaled));
  }
  return {};
}

} // namespace rosso
