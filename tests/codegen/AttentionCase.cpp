#include "tests/codegen/AttentionCase.h"

#include <cmath>
#include <cstdio>

namespace rosso::testing {

namespace {

std::string digitsOf(double number) {
  char digits[40];
  std::snprintf(digits, sizeof digits, "%.17g", number);
  return digits;
}

} // namespace

double AttentionCase::scale() const { return 1 / std::sqrt(static_cast<double>(keyWidth)); }

std::string AttentionCase::text() const {
  const bool one = tokens == 0, masked = mask != Mask::None, blocks = gives == Gives::Blocks;
  const std::string t = one ? "1" : "?", length = one ? "P + 1" : "P + T";
  const std::string dims = one ? "" : ", #rosso.dims<\"T\">";
  auto tensor = [](const std::string &shape, const std::string &element, const std::string &more) {
    return "tensor<" + shape + "x" + element + more + ">";
  };
  const std::string h = std::to_string(heads), g = std::to_string(kvHeads);
  const std::string element = cache == std::string("q8_0") ? "!rosso.quant<q8_0>" : cache;
  const std::string inCache = g + "x" + std::to_string(context) + "x";
  const std::string d = std::to_string(valueWidth), all = std::to_string(heads * valueWidth);
  const std::string q = tensor(h + "x" + t + "x" + std::to_string(keyWidth), "f32", dims);
  const std::string k = tensor(inCache + std::to_string(keyWidth), element, "");
  const std::string v = tensor(inCache + d, element, "");
  const std::string y = tensor(h + "x" + t + "x" + d, "f32", dims);
  const std::string m =
      tensor((mask == Mask::OfHeads ? h + "x" : "") + t + "x?", "f32",
             ", #rosso.dims<" + (one ? "" : std::string("\"T\", ")) + "\"" + length + "\">");
  // Heads side by side: a permutation of the result, packed.
  const std::string turned = tensor(t + "x" + h + "x" + d, "f32", dims);
  const std::string flat = tensor(t + "x" + all, "f32", dims);
  const std::string packed = tensor(t + "x" + all, "!rosso.quant<q8_a>", dims);
  const std::string result = blocks ? packed : y;
  const std::string after = blocks ? "    %1 = rosso.permute %0 [1, 0, 2] : " + y + " -> " +
                                         turned + "\n    %2 = rosso.reshape %1 : " + turned +
                                         " -> " + flat + "\n    %3 = rosso.quantize %2 : " + flat +
                                         " -> " + packed + "\n"
                                   : "";
  auto argument = [](const std::string &name, const std::string &type, const std::string &space) {
    return "%" + name + ": " + type + " {rosso.name = \"" + name + "\", rosso.space = \"" + space +
           "\"}";
  };
  return "module attributes {rosso.vars = {P = [0, " + std::to_string(context - 1) + "], T = [1, " +
         std::to_string(mostTokens) + "]}} {\nfunc.func @main(" + argument("q", q, "input") + ", " +
         argument("k", k, "state") + ", " + argument("v", v, "state") +
         (masked ? ", " + argument("m", m, "input") : "") + ") -> (" + result +
         " {rosso.name = \"y\"}) {\n  %y = rosso.kernel \"attention\" attention (%a = %q : " + q +
         ", %b = %k : " + k + ", %c = %v : " + v + (masked ? ", %d = %m : " + m : "") + ") -> " +
         result +
         " attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {\n"
         "    %0 = rosso.attention %a, %b, %c" +
         (masked ? " mask %d : " + m : "") + (sees == Sees::Past ? " causal" : "") + " scale " +
         digitsOf(scale()) + " length \"" + length + "\" : (" + q + ", " + k + ", " + v + ") -> " +
         y + "\n" + after + "    rosso.yield " + (blocks ? "%3" : "%0") + " : " + result +
         "\n  }\n  return %y : " + result + "\n}\n}\n";
}

} // namespace rosso::testing
