#include "OpCases.h"

#include "Golden.h"

namespace rosso {

namespace {

Tensor x() { return input("x"); } // [2, 3, 4]
Tensor y() { return input("y"); } // [3, 4]
Tensor ties() { return input("ties"); }
Tensor index() { return Tensor::fromData<int>({2, 0, 2}); }
Tensor mask() { return x() > 0.5; }
/// `index` for every element of the first three rows of y.
Tensor rows() { return index().reshape({3, 1}).expand({3, 4}); }

std::vector<Tensor> grid(Grid order) {
  return Tensor::meshgrid({Tensor::arange(1, 4), Tensor::arange(4, 6)}, order);
}

constexpr DType F = DType::F32, I = DType::I32;
constexpr auto kRest = Ellipsis{};
const Slice kAll{};

const OpCase kCases[] = {
    {"arangeReal", F, [] { return Tensor::arangeReal(0.5, 2.75, 0.5); }},
    {"meshgridIj", I, [] { return grid(Grid::Ij)[1]; }},
    {"meshgridXy", I, [] { return grid(Grid::Xy)[1]; }},
    {"shrinkTo", F, [] { return x().shrinkTo({std::nullopt, 2, 3}); }},
    {"rollAll", F, [] { return x().roll(5); }},
    {"rollTwo", F, [] { return x().roll({1, -3}, {0, 2}); }},
    {"unfold", F, [] { return x().unfold(-1, 2, 2); }},
    {"diag", F, [] { return y()[0].diag(); }},
    {"diagonal", F, [] { return y().diagonal(1); }},
    {"diagonalBelow", F, [] { return x().diagonal(-2, 2, 1); }},
    {"unbind", F, [] { return x().unbind(1)[2]; }},
    {"padCut", F, [] { return x().pad({{}, {1, -2}, {0, 2}}, -1); }},
    {"padReflect", F, [] { return y().pad({{2, 1}, {0, 3}}, PadMode::Reflect); }},
    {"padReplicate", F, [] { return y().pad({{2, 0}, {1, 3}}, PadMode::Replicate); }},
    {"padCircular", F, [] { return y().pad({{3, 1}, {0, 4}}, PadMode::Circular); }},
    {"padTo", F, [] { return y().padTo({5, std::nullopt}); }},
    {"rearrange", F, [] { return x().rearrange("a b (c d) -> (c d) a 1 b", {{"c", 2}}); }},
    {"rearrangeRest", F, [] { return x().rearrange("a ... -> (...) a"); }},
    {"itemMixed", F, [] { return x().getItem({1, NewAxis{}, Slice{.step = -2}, Slice{1, -1}}); }},
    {"itemEmpty", F, [] { return x().getItem({kAll, Slice{2, 1}}); }},
    {"itemTensor", F, [] { return x().getItem({kAll, index()}); }},
    {"itemTensors", F,
     [] { return x().getItem({Tensor::fromData<int>({0, 1}, {2, 1}), kAll, index()}); }},
    {"itemTogether", F,
     [] { return x().getItem({kRest, index(), Tensor::fromData<int64_t>({3, -1, 0})}); }},
    {"setSlice", F, [] { return x().setItem({kAll, Slice{.step = -2}}, y().slice(0, 0, 2)); }},
    {"setNumber", F, [] { return x().setItem({1, kRest, 2}, 9); }},
    {"setTensor", F, [] { return x().setItem({kAll, index()}, y()); }},
    {"setTensors", F,
     [] {
       return x().setItem({Tensor::fromData<int>({0, 1, 0}), kAll, index()},
                          y().transpose().slice(0, 0, 3));
     }},
    {"scatter", F, [] { return y().scatter(0, index().reshape({1, 3}), x().select(0, 0)); }},
    {"scatterSum", F, [] { return y().scatterReduce(0, rows(), x()[0], Scatter::Sum); }},
    {"scatterMeanAlone", F,
     [] { return y().scatterReduce(0, rows(), x()[0], Scatter::Mean, false); }},
    {"scatterMax", F, [] { return y().scatterReduce(0, rows(), x()[0], Scatter::Max); }},
    {"nonzeroSized", I, [] { return mask().nonzero(9, 7); }},
    {"maskedSized", F, [] { return x().maskedSelect(mask(), 9, -1); }},
    {"argsortDown", I, [] { return ties().argsort(-1, true); }},
    {"argsortUp", I, [] { return ties().argsort(); }},
    {"sortDown", F, [] { return x().sort(0, true).first; }},
};

} // namespace

std::span<const OpCase> movementCases() { return kCases; }

} // namespace rosso
