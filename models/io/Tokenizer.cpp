#include "models/io/Tokenizer.h"

#include "models/io/Bpe.h"
#include "models/io/SentencePiece.h"

#include <algorithm>

namespace rosso {
namespace {

// Files name one end token or two; models know more. These end a turn wherever they are control
// tokens. Source: the chat templates of ChatML, LLaMA 3, Phi 3, Gemma, GPT-2, Mistral and gpt-oss.
constexpr std::string_view kTurnEnds[] = {
    "<|im_end|>",    "<|eot_id|>",      "<|eom_id|>", "<|end|>",  "<end_of_turn>",
    "<|endoftext|>", "<|end_of_text|>", "<|return|>", "<|call|>", "</s>"};

/// A token id that metadata names, if it does.
Result<std::optional<TokenId>> roleToken(const GgufFile &file, const Vocabulary &vocabulary,
                                         const std::string &role) {
  const std::string key = "tokenizer.ggml." + role + "_token_id";
  if (!file.find(key))
    return std::optional<TokenId>();
  ROSSO_TRY(int64_t id, file.getI64(key));
  if (id < 0 || static_cast<uint64_t>(id) >= vocabulary.size())
    return badInput(file.path() + ": " + key + " is " + std::to_string(id) +
                    ", wanted one of the " + std::to_string(vocabulary.size()) + " tokens");
  return std::optional<TokenId>(static_cast<TokenId>(id));
}

} // namespace

Result<Tokenizer> Tokenizer::create(const GgufFile &file) {
  ROSSO_TRY(std::string_view kind, file.getString("tokenizer.ggml.model"));
  if (kind != "gpt2" && kind != "llama")
    return unsupported(file.path() + ": tokenizer.ggml.model is " + quoted(kind) +
                       ", wanted gpt2 or llama");
  Tokenizer tokenizer;
  ROSSO_TRY(Vocabulary vocabulary, Vocabulary::create(file));
  tokenizer.vocabulary_ = std::make_unique<Vocabulary>(std::move(vocabulary));
  ROSSO_TRY(tokenizer.model_, kind == "gpt2" ? Bpe::create(file, *tokenizer.vocabulary_)
                                             : SentencePiece::create(file, *tokenizer.vocabulary_));
  ROSSO_CHECK(tokenizer.readRoles(file));
  return tokenizer;
}

Status Tokenizer::readRoles(const GgufFile &file) {
  ROSSO_TRY(bos_, roleToken(file, *vocabulary_, "bos"));
  ROSSO_TRY(eos_, roleToken(file, *vocabulary_, "eos"));
  ROSSO_TRY(addsBos_, file.getBool("tokenizer.ggml.add_bos_token", model_->addsBos()));
  ROSSO_TRY(addsEos_, file.getBool("tokenizer.ggml.add_eos_token", false));
  addsBos_ = addsBos_ && bos_;
  addsEos_ = addsEos_ && eos_;

  for (const char *role : {"eos", "eot", "eom"}) {
    ROSSO_TRY(auto id, roleToken(file, *vocabulary_, role));
    if (id)
      ends_.push_back(*id);
  }
  for (std::string_view text : kTurnEnds)
    if (auto id = vocabulary_->find(text); id && vocabulary_->kind(*id) == TokenKind::Control)
      ends_.push_back(*id);
  std::sort(ends_.begin(), ends_.end());
  return {};
}

bool Tokenizer::endsGeneration(TokenId id) const {
  return std::binary_search(ends_.begin(), ends_.end(), id);
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  constexpr size_t kMaxBytes = size_t{1} << 30; // positions are 32 bits, and ▁ takes three bytes
  if (text.size() > kMaxBytes)
    return badInput("the text has " + std::to_string(text.size()) + " bytes, wanted at most " +
                    std::to_string(kMaxBytes));
  std::vector<TokenId> ids;
  if (options.addBos && addsBos_)
    ids.push_back(*bos_);
  for (size_t begin = 0; begin < text.size();) {
    const auto special = vocabulary_->findSpecial(text, begin, options.parseSpecial);
    const size_t end = special ? special->begin : text.size();
    ROSSO_CHECK(model_->encode(text.substr(begin, end - begin), /*first=*/true, ids));
    if (special)
      ids.push_back(special->id);
    begin = special ? end + special->length : end;
  }
  if (options.addBos && addsEos_)
    ids.push_back(*eos_);
  return ids;
}

std::string Tokenizer::piece(TokenId id, bool &first, bool showControl) const {
  if (!vocabulary_->has(id))
    return {};
  const bool wasFirst = first;
  first = vocabulary_->isSpecial(id);
  const TokenKind kind = vocabulary_->kind(id);
  if (kind == TokenKind::Control || kind == TokenKind::Unknown)
    return showControl ? std::string(vocabulary_->text(id)) : std::string();
  std::string bytes = model_->piece(id);
  if (wasFirst && !first && model_->addsSpacePrefix() && bytes.starts_with(' '))
    bytes.erase(0, 1); // the one that encoding put there
  return bytes;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, DecodeOptions options) const {
  if (options.skipBos && addsBos_ && !ids.empty() && ids.front() == *bos_)
    ids = ids.subspan(1);
  if (options.skipBos && addsEos_ && !ids.empty() && ids.back() == *eos_)
    ids = ids.first(ids.size() - 1);
  std::string text;
  bool first = true;
  for (TokenId id : ids)
    text += piece(id, first, options.showControl);
  return text;
}

} // namespace rosso
