#include "models/DecoderConfig.h"

#include "models/Rope.h"

namespace rosso {

namespace {

struct Family {
  std::string_view architecture;
  RopeStyle rope;
};

// LLaMA's converters permute the rows of q and k so that the pairs that turn lie side by side.
// Mistral is a LLaMA as far as a GGUF can tell.
constexpr Family kFamilies[] = {
    {"llama", RopeStyle::Interleaved},
    {"mistral", RopeStyle::Interleaved},
    {"qwen2", RopeStyle::Neox},
    {"qwen3", RopeStyle::Neox},
};

std::string familyNames() {
  std::string names;
  for (const Family &family : kFamilies)
    names += (names.empty() ? "" : ", ") + std::string(family.architecture);
  return names;
}

/// Reads sizes under "<architecture>." and checks their range.
class Keys {
public:
  Keys(const GgufFile &file, std::string architecture)
      : file_(file), prefix_(std::move(architecture) + ".") {}

  std::string key(std::string_view name) const { return prefix_ + std::string(name); }

  Result<int64_t> size(std::string_view name) const {
    ROSSO_TRY(uint64_t value, file_.getU64(key(name)));
    return checked(name, value);
  }
  Result<int64_t> size(std::string_view name, int64_t fallback) const {
    ROSSO_TRY(uint64_t value, file_.getU64(key(name), static_cast<uint64_t>(fallback)));
    return checked(name, value);
  }
  Error error(std::string_view name, const std::string &found, const std::string &wanted) const {
    return badInput(file_.path() + ": key " + key(name) + ": found " + found + ", wanted " +
                    wanted);
  }

private:
  Result<int64_t> checked(std::string_view name, uint64_t value) const {
    constexpr uint64_t kMost = 1 << 24; // extents of tensors stay far below 2^31 elements a row
    if (value < 1 || value > kMost)
      return error(name, std::to_string(value), "1 to " + std::to_string(kMost));
    return static_cast<int64_t>(value);
  }

  const GgufFile &file_;
  std::string prefix_;
};

/// GGUF's numbers: 0 none, 1 mean, 2 the first token (cls), 3 the last one, 4 a rank.
Status readPooling(const GgufFile &file, const Keys &keys, DecoderConfig &config) {
  ROSSO_TRY(uint64_t type, file.getU64(keys.key("pooling_type"), 0));
  if (type > 4)
    return keys.error("pooling_type", std::to_string(type), "0 to 4");
  if (type == 4)
    config.pooling.reset();
  else if (type > 0)
    config.pooling = static_cast<Pooling>(type - 1);
  config.trainedToEmbed = type > 0 && config.pooling;
  return {};
}

Result<int64_t> vocabularySize(const GgufFile &file, const DecoderConfig &config) {
  const GgufTensor *embedding = file.findTensor("token_embd.weight");
  if (!embedding)
    return badInput(file.path() + ": no tensor token_embd.weight" +
                    (file.tensors().empty()
                         ? "; the file holds a vocabulary only, wanted a model with weights"
                         : "; wanted a decoder"));
  if (embedding->shape.size() != 2 || embedding->shape[1] != config.width)
    return badInput(file.path() + ": tensor token_embd.weight: wanted [vocabulary, " +
                    std::to_string(config.width) + "]");
  return embedding->shape[0];
}

} // namespace

Result<DecoderConfig> DecoderConfig::read(const GgufFile &file) {
  DecoderConfig config;
  ROSSO_TRY(std::string_view architecture, file.getString("general.architecture"));
  const Family *family = nullptr;
  for (const Family &row : kFamilies)
    if (row.architecture == architecture)
      family = &row;
  if (!family)
    return unsupported(file.path() + ": key general.architecture: found " + quoted(architecture) +
                       ", wanted one of " + familyNames());
  config.architecture = architecture;
  config.ropeStyle = family->rope;
  ROSSO_TRY(std::string_view name, file.getString("general.name", architecture));
  config.name = name;

  const Keys keys(file, config.architecture);
  ROSSO_TRY(uint64_t experts, file.getU64(keys.key("expert_count"), 0));
  if (experts > 0)
    return unsupported(file.path() + ": key " + keys.key("expert_count") + ": found " +
                       std::to_string(experts) + ", wanted a dense model; mixtures of experts " +
                       "do not run yet");
  ROSSO_TRY(config.layers, keys.size("block_count"));
  ROSSO_TRY(config.width, keys.size("embedding_length"));
  ROSSO_TRY(config.feedForward, keys.size("feed_forward_length"));
  ROSSO_TRY(config.trainedContext, keys.size("context_length"));
  ROSSO_TRY(config.heads, keys.size("attention.head_count"));
  ROSSO_TRY(config.kvHeads, keys.size("attention.head_count_kv", config.heads));
  if (config.heads % config.kvHeads != 0)
    return keys.error("attention.head_count_kv", std::to_string(config.kvHeads),
                      "a divisor of the " + std::to_string(config.heads) + " heads");
  if (!file.find(keys.key("attention.key_length")) && config.width % config.heads != 0)
    return keys.error("attention.head_count", std::to_string(config.heads),
                      "a divisor of the embedding length " + std::to_string(config.width));
  ROSSO_TRY(config.headWidth, keys.size("attention.key_length", config.width / config.heads));
  ROSSO_TRY(int64_t valueWidth, keys.size("attention.value_length", config.headWidth));
  if (valueWidth != config.headWidth)
    return keys.error("attention.value_length", std::to_string(valueWidth),
                      "the key length " + std::to_string(config.headWidth));
  ROSSO_TRY(config.normEpsilon, file.getF64(keys.key("attention.layer_norm_rms_epsilon")));
  if (!(config.normEpsilon >= 0 && config.normEpsilon < 1))
    return keys.error("attention.layer_norm_rms_epsilon", std::to_string(config.normEpsilon),
                      "0 or a small positive number");
  ROSSO_CHECK(readPooling(file, keys, config));
  ROSSO_CHECK(readRope(file, config));
  ROSSO_TRY(config.vocabulary, vocabularySize(file, config));
  return config;
}

} // namespace rosso
