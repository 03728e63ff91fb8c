// Text on standard input -> token ids on standard output, or back.
#include "models/io/Tokenizer.h"

#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

using namespace rosso;

namespace {

constexpr const char *kUsage =
    R"(usage: rosso-tokenize MODEL.gguf [options]

Reads text from standard input and prints its token ids, separated by commas.
The model may hold nothing but a vocabulary.

  --no-bos      do not put the tokens around the text that the model wants (BOS, EOS)
  --no-special  read "<|im_end|>" and the like as plain text, not as special tokens
  --decode      read ids (separated by commas or white space), print the text
  --help        print this
)";

struct Arguments {
  std::string model;
  bool decode = false;
  bool help = false;
  EncodeOptions encode;
};

Result<Arguments> parseArguments(int argc, char **argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--no-bos")
      arguments.encode.addBos = false;
    else if (argument == "--no-special")
      arguments.encode.parseSpecial = false;
    else if (argument == "--decode")
      arguments.decode = true;
    else if (argument == "--help" || argument == "-h")
      arguments.help = true;
    else if (argument.starts_with("-"))
      return badInput("unknown option " + quoted(argument) + "; see rosso-tokenize --help");
    else if (!arguments.model.empty())
      return badInput("two models, " + quoted(arguments.model) + " and " + quoted(argument) +
                      ", wanted one; the text comes from standard input");
    else
      arguments.model = argument;
  }
  if (arguments.model.empty() && !arguments.help)
    return badInput("no model; see rosso-tokenize --help");
  return arguments;
}

std::string readAll(FILE *file) {
  std::string text;
  char buffer[1 << 16];
  while (const size_t count = std::fread(buffer, 1, sizeof(buffer), file))
    text.append(buffer, count);
  return text;
}

Result<std::vector<TokenId>> parseIds(std::string_view text, const Vocabulary &vocabulary) {
  constexpr std::string_view kSeparators = ", \t\r\n";
  std::vector<TokenId> ids;
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(kSeparators), text.size()));
    if (text.empty())
      return ids;
    const std::string_view word = text.substr(0, text.find_first_of(kSeparators));
    TokenId id = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || end != word.data() + word.size() || !vocabulary.has(id))
      return badInput("standard input: found " + quoted(word) + ", wanted ids from 0 to " +
                      std::to_string(vocabulary.size() - 1));
    ids.push_back(id);
    text.remove_prefix(word.size());
  }
}

Result<std::string> run(const Arguments &arguments) {
  ROSSO_TRY(GgufFile file, GgufFile::open(arguments.model));
  ROSSO_TRY(Tokenizer tokenizer, Tokenizer::create(file));
  const std::string input = readAll(stdin);
  if (arguments.decode) {
    ROSSO_TRY(auto ids, parseIds(input, tokenizer.vocabulary()));
    return tokenizer.decode(ids, {.skipBos = arguments.encode.addBos});
  }
  auto ids = tokenizer.encode(input, arguments.encode);
  if (!ids)
    return ids.error().in("standard input");
  std::string output;
  for (TokenId id : *ids)
    output += (output.empty() ? "" : ",") + std::to_string(id);
  return output + "\n";
}

} // namespace

int main(int argc, char **argv) {
  auto arguments = parseArguments(argc, argv);
  if (arguments && arguments->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  auto output = arguments ? run(*arguments) : arguments.error();
  if (!output) {
    std::fprintf(stderr, "error: %s\n", output.error().message.c_str());
    return exitCode(output.error());
  }
  if (std::fwrite(output->data(), 1, output->size(), stdout) != output->size() ||
      std::fflush(stdout) != 0) {
    std::fprintf(stderr, "error: standard output: cannot write\n");
    return 1;
  }
  return 0;
}
