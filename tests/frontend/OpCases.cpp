#include "OpCases.h"

#include "Golden.h"

#include <ostream>

namespace rosso {

namespace {

Tensor x() { return input("x"); }
Tensor y() { return input("y"); }
Tensor p() { return input("p"); }
Tensor i() { return input("i", DType::I32); }
Tensor j() { return input("j", DType::I32); }
Tensor ids() { return input("ids", DType::I32); }
Tensor image() { return input("image"); }
Tensor filters() { return input("filters"); }
Tensor classes() { return input("classes", DType::I32); }
Tensor q() { return input("q"); }
Tensor k() { return input("k"); }
Tensor v() { return input("v"); }

/// True where query t (of 3) may see key s (of 5): where t + s is odd.
Tensor uneven() {
  Tensor sum = Tensor::arange(5).reshape({1, 5}) + Tensor::arange(3).reshape({3, 1});
  return (sum % 2).eq(1);
}

constexpr DType B = DType::Bool, F = DType::F32, I = DType::I32;

// f32 rounds every operation to 6e-8; compositions lose a few bits more.
constexpr double kComposed = 4e-6;
// erf is an approximation with an absolute error below 1.5e-7.
constexpr double kErf = 1.5e-7;

const OpCase kCases[] = {
    {"add", F, [] { return x() + y(); }},
    {"sub", F, [] { return x() - y(); }},
    {"mul", F, [] { return x() * y(); }},
    {"div", F, [] { return x() / y(); }},
    {"floorDiv", F, [] { return x().floorDiv(y()); }},
    {"mod", F, [] { return x() % y(); }, kComposed},
    {"fmod", F, [] { return x().fmod(y()); }},
    {"pow", F, [] { return p().pow(y()); }, kComposed},
    {"pow3", F, [] { return x().pow(3); }},
    {"powHalf", F, [] { return p().pow(0.5); }},
    {"powMinus2", F, [] { return x().pow(-2); }, kComposed},
    {"maximum", F, [] { return x().maximum(y()); }},
    {"minimum", F, [] { return x().minimum(y()); }},
    {"lt", B, [] { return x() < y(); }},
    {"le", B, [] { return x() <= y(); }},
    {"gt", B, [] { return x() > y(); }},
    {"ge", B, [] { return x() >= y(); }},
    {"where", F, [] { return (x() > 0).where(x(), y()); }},
    {"clip", F, [] { return x().clip(-1, 1.5); }},
    {"abs", F, [] { return x().abs(); }},
    {"sign", F, [] { return x().sign(); }},
    {"neg", F, [] { return -x(); }},
    {"square", F, [] { return x().square(); }},
    {"sqrt", F, [] { return p().sqrt(); }},
    {"rsqrt", F, [] { return p().rsqrt(); }},
    {"reciprocal", F, [] { return x().reciprocal(); }},
    {"exp", F, [] { return x().exp(); }, kComposed},
    {"exp2", F, [] { return x().exp2(); }},
    {"log", F, [] { return p().log(); }},
    {"log2", F, [] { return p().log2(); }},
    {"log10", F, [] { return p().log10(); }},
    {"sin", F, [] { return x().sin(); }},
    {"cos", F, [] { return x().cos(); }},
    {"tan", F, [] { return x().tan(); }, 1e-4, 1e-12}, // steep near pi/2
    {"floor", F, [] { return x().floor(); }},
    {"ceil", F, [] { return x().ceil(); }},
    {"trunc", F, [] { return x().trunc(); }},
    {"round", F, [] { return input("halves").round(); }},
    {"lerp", F, [] { return x().lerp(y(), 0.25); }},
    {"logaddexp", F, [] { return x().logaddexp(y()); }},
    {"copysign", F, [] { return x().copysign(y()); }},
    {"sigmoid", F, [] { return x().sigmoid(); }},
    {"tanh", F, [] { return x().tanh(); }},
    {"sinh", F, [] { return x().sinh(); }, kComposed},
    {"cosh", F, [] { return x().cosh(); }, kComposed},
    {"erf", F, [] { return x().erf(); }, kErf + 1e-6, kErf},
    {"relu", F, [] { return x().relu(); }},
    {"relu6", F, [] { return (4 * x()).relu6(); }, kComposed},
    {"leakyRelu", F, [] { return x().leakyRelu(); }},
    {"elu", F, [] { return x().elu(); }},
    {"celu", F, [] { return x().celu(2); }},
    {"selu", F, [] { return x().selu(); }},
    {"silu", F, [] { return x().silu(); }},
    {"gelu", F, [] { return x().gelu(); }},
    {"quickGelu", F, [] { return x().quickGelu(); }},
    {"softplus", F, [] { return x().softplus(); }},
    {"softplus2", F, [] { return x().softplus(2); }},
    {"mish", F, [] { return x().mish(); }},
    {"softsign", F, [] { return x().softsign(); }},
    {"hardswish", F, [] { return x().hardswish(); }},
    {"hardsigmoid", F, [] { return x().hardsigmoid(); }},
    {"logsigmoid", F, [] { return x().logsigmoid(); }},
    {"iFloorDiv", I, [] { return i().floorDiv(j()); }},
    {"iMod", I, [] { return i() % j(); }},
    {"iFmod", I, [] { return i().fmod(j()); }},
    {"iTruncDiv", I, [] { return i().truncDiv(j()); }},
    {"iDiv", F, [] { return i() / j(); }, 1e-6, 1e-13},
    {"iAnd", I, [] { return i() & j(); }},
    {"iOr", I, [] { return i() | j(); }},
    {"iXor", I, [] { return i() ^ j(); }},
    {"iNot", I, [] { return ~i(); }},
    {"iShl", I, [] { return i() << 3; }},
    {"iShr", I, [] { return i() >> 2; }},
    {"iPow", I, [] { return i().pow(3); }},
    {"iAbs", I, [] { return i().abs(); }},
    {"iSign", I, [] { return i().sign(); }},
    {"i8Add", DType::I8,
     [] { return i().cast(DType::I8) + j().cast(DType::I8) + Tensor::full({6}, 100, DType::I8); }},
    {"u8Mul", DType::U8, [] { return i().cast(DType::U8) * j().cast(DType::U8); }},
    {"permute", F, [] { return x().permute({2, 0, 1}); }},
    {"transpose", F, [] { return x().transpose(); }},
    {"flip", F, [] { return x().flip({0, -1}); }},
    {"pad", F, [] { return x().pad({{}, {1, 2}, {0, 1}}, 7); }},
    {"shrink", F, [] { return x().shrink({{0, 1}, {1, 3}, {-2, 4}}); }},
    {"slice", F, [] { return x().slice(1, 1, 99); }},
    {"sliceStep", F, [] { return x().slice(-1, 1, 4, 2); }},
    {"sliceBack", F, [] { return x().slice(2, -1, 0, -1); }},
    {"select", F, [] { return x().select(1, -1); }},
    {"cat", F, [] { return Tensor::cat({x()[0], y(), x()[1]}, 1); }},
    {"stack", F, [] { return Tensor::stack({x()[0], y()}, 1); }},
    {"repeat", F, [] { return y().repeat({2, 1, 3}); }},
    {"repeatInterleave", F, [] { return x().repeatInterleave(2, 1); }},
    {"expand", F, [] { return y().unsqueeze(1).expand({-1, 2, 4}); }},
    {"tril", F, [] { return x().tril(); }},
    {"triu", F, [] { return x().triu(1); }},
    {"triuBelow", F, [] { return x().triu(-1); }},
    {"eye", F, [] { return Tensor::eye(2, 3); }},
    {"arange", I, [] { return Tensor::arange(10, -3, -4); }},
    {"linspace", F, [] { return Tensor::linspace(-1, 2, 5); }},
    {"oneHot", I, [] { return ids().oneHot(4); }},
    {"take", F, [] { return x().transpose(0, 1).take(ids()); }},
    {"indexSelect", F, [] { return x().indexSelect(2, Tensor::fromData<int64_t>({3, 3, 0})); }},
    {"gather0", F, [] { return y().gather(0, Tensor::fromData<int>({2, 0, 1, 1}, {1, 4})); }},
    {"gather1", F,
     [] { return x().gather(1, Tensor::fromData<int>({2, 0, 1, 1, 0, 0, 2, 1}, {2, 1, 4})); }},
    {"topkValues", F, [] { return x().topk(2).first; }},
    {"topkIndices", I, [] { return x().topk(2).second; }},
    {"topkTies", I, [] { return input("ties").topk(3).second; }},
    {"smallest", F, [] { return x().topk(2, 1, false).first; }},
    {"sort", F, [] { return x().sort(1).first; }},
    {"sum", F, [] { return x().sum(); }},
    {"sum1", F, [] { return x().sum(1); }},
    {"sum02", F, [] { return x().sum({0, -1}, true); }},
    {"prod", F, [] { return x().prod(-1); }},
    {"max", F, [] { return x().max(1); }},
    {"min", F, [] { return x().min({0, 1}); }},
    {"mean", F, [] { return x().mean(); }},
    {"mean2", F, [] { return x().mean(2); }},
    {"var", F, [] { return x().var(1); }},
    {"var0", F, [] { return x().var({}, false, 0); }},
    {"std", F, [] { return x().std(-1); }},
    {"any", B, [] { return (x() > 2).any(1); }},
    {"all", B, [] { return (x() > -2).all(2); }},
    {"argmax", I, [] { return x().argmax(); }},
    {"argmax1", I, [] { return x().argmax(1); }},
    {"argmin2", I, [] { return x().argmin(2); }},
    {"argmaxTies", I, [] { return input("ties").argmax(1); }},
    {"argminTies", I, [] { return input("ties").argmin(1); }},
    {"logsumexp", F, [] { return x().logsumexp(1); }},
    {"softmax", F, [] { return x().softmax(); }},
    {"softmax1", F, [] { return x().softmax(1); }},
    {"logSoftmax", F, [] { return x().logSoftmax(); }},
    {"cumsum", F, [] { return x().cumsum(2); }},
    {"cumsum0", I, [] { return i().cumsum(); }},
    {"iSum", I, [] { return i().sum(); }},
    {"iMean", F, [] { return i().mean(); }, 1e-6, 1e-13},
    {"iMax", I, [] { return i().max(); }},
    {"iMin", I, [] { return i().min(); }},
    {"matmul", F, [] { return x().matmul(y().T()); }},
    {"matmulBatch", F, [] { return x().matmul(x().transpose(-2, -1)); }},
    {"matmulVector", F, [] { return x().matmul(y()[0]); }},
    {"vectorMatmul", F, [] { return y().select(1, 0).matmul(x()); }},
    {"dot", F, [] { return y()[0].dot(y()[1]); }},
    {"iMatmul", I, [] { return i().reshape({6, 1}).matmul(j().reshape({1, 6})); }},
    {"linear", F, [] { return x().linear(input("w")); }},
    {"linearBias", F, [] { return x().linear(input("w"), input("bias")); }},
    {"layernorm", F, [] { return x().layernorm(); }, kComposed},
    {"rmsnorm", F, [] { return x().rmsnorm(); }},
    {"attention", F, [] { return q().scaledDotProductAttention(k(), v()); }, kComposed},
    {"attentionIsCausal", F, [] { return q().scaledDotProductAttention(k(), v(), {}, true); },
     kComposed},
    {"attentionCausal", F, [] { return q().causalAttention(k(), v()); }, kComposed},
    {"attentionMask", F, [] { return q().scaledDotProductAttention(k(), v(), uneven()); },
     kComposed},
    {"rope", F, [] { return q().rope(input("angles")); }},
    {"ropePairs", F, [] { return q().rope(input("angles"), RopeStyle::Interleaved); }},
    {"ropeAngles", F,
     [] { return Tensor::ropeAngles(Tensor::fromData<int>({0, 5, 1000}), 8, 10000); }},
    {"asin", F, [] { return (x() / 3).asin(); }, 1e-6, 2e-7}, // by a polynomial
    {"acos", F, [] { return (x() / 3).acos(); }, 1e-6, 2e-7},
    {"atan", F, [] { return x().atan(); }, 1e-6, 2e-7},
    {"asinh", F, [] { return x().asinh(); }, kComposed},
    {"acosh", F, [] { return (p() + 1).acosh(); }, kComposed},
    {"atanh", F, [] { return (x() / 4).atanh(); }, kComposed},
    {"geluErf", F, [] { return x().gelu(Gelu::Erf); }, 1e-6, 2 * kErf}, // x / 2 of it
    {"powTensor", I, [] { return i().abs().pow(i().fullLike(3)); }},
    {"powNegativeBase", F,
     [] {
       Tensor e = (y()[0] > 0).where(3.0, -2.0);
       return x().pow(e.cast(DType::F32));
     },
     kComposed},
    {"isclose", B, [] { return x().isclose(x() + 1e-3 * (x() > 0)); }},
    {"bitcastBytes", DType::U8, [] { return Tensor::fromData<float>({1, -2}).bitcast(DType::U8); }},
    {"normalize", F, [] { return x().normalize(); }, kComposed},
    {"softmaxTwo", F, [] { return x().softmax({1, 2}); }},
    {"cumprod", F, [] { return x().cumprod(1); }},
    {"cummax", F, [] { return input("ties").cummax(1).first; }},
    {"cummaxPlaces", I, [] { return input("ties").cummax(1).second; }},
    {"cumminPlaces", I, [] { return input("ties").cummin(1).second; }},
    {"logcumsumexp", F, [] { return x().logcumsumexp(2); }, kComposed},
    {"einsum", F, [] { return Tensor::einsum("abc,dc->bda", {x(), y()}); }},
    {"einsumTrace", F, [] { return Tensor::einsum("ii", {y().slice(1, 0, 3)}); }},
    {"einsumThree", F, [] { return Tensor::einsum("abc,dc,d->ab", {x(), y(), y().select(1, 0)}); },
     kComposed},
    {"window", F, [] { return image().window(2, 2, 2, 2); }},
    {"conv", F, [] { return image().conv2d(filters(), {}, 2, {2, 1}, 1, {0, 1}); }, kComposed},
    {"convDepthwise", F,
     [] {
       Tensor each = filters().slice(0, 0, 4).slice(1, 0, 1);
       return image().conv2d(each, {}, 4, {2, 1}, 1, {0, 1});
     },
     kComposed},
    {"convTranspose", F, [] { return image().convTranspose2d(filters().slice(0, 0, 4), {}, 1, 2); },
     kComposed},
    {"avgPool", F, [] { return image().avgPool2d({2, 3}); }},
    {"maxPool", F, [] { return image().maxPool2d({2, 3}); }},
    {"maxPoolPlaces", I, [] { return image().maxPool2dWithIndices({2, 3}).second; }},
    {"nearest", F, [] { return y().interpolate({8}, Interpolation::Nearest); }},
    {"linearCorners", F, [] { return y().interpolate({7}, Interpolation::Linear, true); },
     kComposed},
    {"binaryCrossentropy", F,
     [] { return x().binaryCrossentropyLogits((x() > 0).cast(DType::F32)); }, kComposed},
    {"crossEntropy", F, [] { return y().crossEntropy(classes()); }, kComposed},
    {"crossEntropySmooth", F, [] { return y().crossEntropy(classes(), Reduction::Sum, 0.2); },
     kComposed},
    {"sparseIgnored", F, [] { return y().sparseCategoricalCrossentropy(classes(), 0); }, kComposed},
    {"nllWeighted", F, [] { return y().logSoftmax().nllLoss(classes(), p()[0]); }, kComposed},
    {"batchnorm", F,
     [] {
       auto column = [](int at) { return y().select(1, at); };
       return x().batchnorm(column(1), column(2), column(0), p().select(1, 0));
     },
     kComposed},
    {"newtonSchulz", F, [] { return y().newtonSchulz(1, {1.5, -0.5}, 0); }, kComposed},
    {"singularValues", F, [] { return std::get<1>(y().svd()); }, 2e-5, 1e-9},
    {"qrDiagonal", F, [] { return y().qr().second.diagonal().abs(); }, 2e-5},
};

} // namespace

std::span<const OpCase> opCases() { return kCases; }

std::ostream &operator<<(std::ostream &out, const OpCase &test) { return out << test.name; }

} // namespace rosso
