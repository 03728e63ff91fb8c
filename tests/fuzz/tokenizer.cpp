// Tokenizers: any text, with any vocabulary, encodes to ids that decode to the same bytes; or the
// file or the text is refused.
//
// An input is the text, a zero byte twice, then the metadata of a GGUF file; without the zeros the
// whole input is text for two built-in vocabularies.
#include "models/io/Tokenizer.h"
#include "tests/models/io/TinyVocabulary.h"

#include <string_view>

using namespace rosso;

namespace {

void roundTrip(const Tokenizer &tokenizer, std::string_view text, bool exact) {
  for (bool parseSpecial : {false, true}) {
    auto ids = tokenizer.encode(text, {.parseSpecial = parseSpecial});
    if (!ids)
      continue;
    const std::string back = tokenizer.decode(*ids);
    if (exact && back != text)
      __builtin_trap();
    StreamDecoder stream(tokenizer);
    std::string streamed;
    for (TokenId id : *ids)
      streamed += stream.push(id);
    streamed += stream.finish();
    for (size_t i = 0; i < streamed.size();) {
      const unsigned length = utf8Length(std::string_view(streamed).substr(i));
      if (length == 0)
        __builtin_trap();
      i += length;
    }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string_view input(reinterpret_cast<const char *>(data), size);
  constexpr std::string_view kSeparator("\0\0", 2);
  const size_t cut = input.find(kSeparator);
  if (cut == std::string_view::npos) {
    static const auto kBpe = tokenizerOf(byteBpe()), kPieces = tokenizerOf(tinySentencePiece());
    roundTrip(*kBpe, input, /*exact=*/true);
    const bool hasSpaceMark = input.find("▁") != std::string_view::npos;
    roundTrip(*kPieces, input, /*exact=*/!hasSpaceMark);
    return 0;
  }
  const auto metadata = input.substr(cut + kSeparator.size());
  auto file = GgufFile::parse({reinterpret_cast<const uint8_t *>(metadata.data()), metadata.size()},
                              "fuzz.gguf");
  if (!file)
    return 0;
  if (auto tokenizer = Tokenizer::create(*file))
    roundTrip(*tokenizer, input.substr(0, cut), /*exact=*/false);
  return 0;
}
