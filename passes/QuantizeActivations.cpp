// rosso-quantize-activations: int8 activations where they meet quantised weights.
//
//   linear(x, w) -> linear(quantize(x), w)
//
// Dot products of 8-bit codes run at several times the rate of f32, and every block format's codes
// are such integers. It costs accuracy (about 0.4 % of the largest of each 32 activations), so
// --exact leaves this pass out.
#include "ir/Shapes.h"
#include "passes/Passes.h"

namespace rosso {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONS
#include "passes/Passes.h.inc"

using namespace mlir;

namespace {

struct QuantizeActivations : impl::QuantizeActivationsBase<QuantizeActivations> {
  using QuantizeActivationsBase::QuantizeActivationsBase;

  void runOnOperation() override {
    Type codes = quantType(&getContext(), format);
    int64_t blockLen = formatOf(codes)->blockLen;
    llvm::DenseMap<Value, Value> quantized; // one quantize for all users of an x
    getOperation().walk([&](LinearOp op) {
      Value x = op.getSource();
      if (!formatOf(tensorOf(op.getWeight()).getElementType()) ||
          formatOf(tensorOf(x).getElementType()) || tensorOf(x).getShape().back() % blockLen != 0)
        return;
      Value &packed = quantized[x];
      if (!packed) {
        OpBuilder builder(&getContext());
        builder.setInsertionPointAfterValue(x);
        packed = QuantizeOp::create(builder, op.getLoc(), withElement(tensorOf(x), codes), x);
      }
      op.getSourceMutable().assign(packed);
    });
  }
};

} // namespace
} // namespace rosso
