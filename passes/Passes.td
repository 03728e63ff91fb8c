// One entry a pass; each is a file of its name (FuseDequant.cpp) and a test (fuse-dequant.mlir).

include "mlir/Pass/PassBase.td"

class RossoPass<string name, string about, string op = "::mlir::func::FuncOp">
    : Pass<"rosso-" # name, op> {
  let summary = about;
  let dependentDialects = ["::rosso::RossoDialect"];
}

def Simplify : RossoPass<"simplify", "fold constants, compose movements, drop what has no effect">;
def FuseDequant : RossoPass<"fuse-dequant", "move every dequant into its consumer">;
def FuseAttention : RossoPass<"fuse-attention", "find softmax(q k^T + mask) v">;
def DeferNorm : RossoPass<"defer-norm", "scale rows after a linear instead of before it">;
def QuantizeActivations
    : RossoPass<"quantize-activations", "int8 activations where the weight is quantised"> {
  let options = [Option<"format", "format", "std::string", "\"q8_a\"",
                        "of the activations: q8_a or q8_s">];
}
def SinkReshapes
    : RossoPass<"sink-reshapes", "elementwise ops before the reshape of a contraction's result">;
def SplitReductions : RossoPass<"split-reductions", "few long rows become many shorter ones">;
def Fuse : RossoPass<"fuse", "group all ops into kernels"> {
  let options = [Option<"wideEpilogues", "wide-epilogues", "bool", "false",
                        "contractions and attention pack their results in int8 themselves, and "
                        "contractions sum up rows">,
                 Option<"operandViews", "operand-views", "bool", "false",
                        "contractions read operands through movement ops and store results as a "
                        "reshape shows them">];
}
def PlanMemory
    : RossoPass<"plan-memory", "give every kernel result its place", "::mlir::ModuleOp"> {
  let options = [Option<"tileLayout", "tile-layout", "std::string", "\"tile16\"",
                        "how weights lie that kernels read in tiles: tile16 or tile32">];
}
def Schedule : RossoPass<"schedule", "set the barriers between kernels">;
