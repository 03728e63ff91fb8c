// The ops: one for each row of frontend/Ops.def that is not a leaf, then those that passes make.
//
// Every op is pure: a state is a value, and `update` gives its next value. Extents that an op takes
// as attributes are arrays of forms, `["P", "0"]`; axes are arrays of integers.
// Constraints are numbered; the verifier's message and its test repeat the number.

include "ir/Rosso.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Rosso_Op<string mnemonic, string about, list<Trait> traits = []>
    : Op<Rosso_Dialect, mnemonic, !listconcat([Pure], traits)> {
  let summary = about;
}

// What the passes ask of an op; C++ side in ir/Rosso.h.
class Rosso_Trait<string name> : NativeOpTrait<name> { let cppNamespace = "::rosso"; }
def Rosso_Elementwise : Rosso_Trait<"Elementwise">; // element i of the result needs element i of operands
def Rosso_Movement : Rosso_Trait<"Movement">;       // an element of the result is one of the operands'
def Rosso_Scan : Rosso_Trait<"Scan">;               // combines all elements of `axis` up to each
def Rosso_Reduction : Rosso_Trait<"Reduction">;     // has `axes`, whose extents become 1

// C1 of elementwise ops, which also lets one type stand for all in the text.
class OneType<string from, string to>
    : TypesMatchWith<"(C1) operands and result have one type", from, to, "$_self">;
class BoolShapeOf<string from, string to>
    : TypesMatchWith<"(C2) a bool for each element", from, to, "::rosso::boolsLike($_self)">;

//===-- leaves -----------------------------------------------------------------------------------//

def Rosso_ConstantOp : Rosso_Op<"constant", "a scalar"> {
  let description = [{
    - (C1) the result has rank 0
    - (C2) an integer result has an integer value
  }];
  let arguments = (ins AnyAttrOf<[I64Attr, F64Attr]>:$value);
  let results = (outs Rosso_DenseTensor:$result);
  let assemblyFormat = "custom<Literal>($value) attr-dict `->` type($result)";
  let hasVerifier = 1;
}

def Rosso_VariableOp : Rosso_Op<"variable", "the value of a form of variables, as a scalar"> {
  let description = [{
    - (C1) `value` is one form of the module's variables
    - (C2) the result has rank 0
  }];
  let arguments = (ins StrArrayAttr:$value);
  let results = (outs Rosso_I32Tensor:$result);
  let assemblyFormat = "$value attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Rosso_IotaOp : Rosso_Op<"iota", "0, 1, 2, ..."> {
  let description = "- (C1) the result has rank 1";
  let results = (outs Rosso_I32Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

//===-- elementwise ------------------------------------------------------------------------------//

class Rosso_Unary<string mnemonic, string about, Type tensor>
    : Rosso_Op<mnemonic, about, [Rosso_Elementwise, OneType<"result", "source">]> {
  let arguments = (ins tensor:$source);
  let results = (outs tensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($result)";
}

class Rosso_Convert<string mnemonic, string about>
    : Rosso_Op<mnemonic, about, [Rosso_Elementwise]> {
  let arguments = (ins Rosso_DenseTensor:$source);
  let results = (outs Rosso_DenseTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

class Rosso_Binary<string mnemonic, string about, Type tensor>
    : Rosso_Op<mnemonic, about, [Rosso_Elementwise, OneType<"result", "lhs">, OneType<"result", "rhs">]> {
  let arguments = (ins tensor:$lhs, tensor:$rhs);
  let results = (outs tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

class Rosso_Compare<string mnemonic, string about>
    : Rosso_Op<mnemonic, about, [Rosso_Elementwise, OneType<"lhs", "rhs">, BoolShapeOf<"lhs", "result">]> {
  let arguments = (ins Rosso_DenseTensor:$lhs, Rosso_DenseTensor:$rhs);
  let results = (outs Rosso_BoolTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
}

def Rosso_CastOp : Rosso_Convert<"cast", "to another type"> {
  let description = [{
    Float to integer goes towards zero and saturates; NaN is 0.

    - (C1) source and result have one shape
  }];
}
def Rosso_BitcastOp : Rosso_Convert<"bitcast", "the same bits as another type"> {
  let description = [{
    - (C1) source and result have one shape
    - (C2) source and result have elements of one size
  }];
}

def Rosso_NegOp : Rosso_Unary<"neg", "-x", Rosso_NumberTensor>;
def Rosso_NotOp : Rosso_Unary<"not", "every bit inverted; of bool, the other one", Rosso_BitsTensor>;
def Rosso_Exp2Op : Rosso_Unary<"exp2", "2 to the power of x", Rosso_FloatTensor>;
def Rosso_Log2Op : Rosso_Unary<"log2", "logarithm of base 2", Rosso_FloatTensor>;
def Rosso_SinOp : Rosso_Unary<"sin", "sine of radians", Rosso_FloatTensor>;
def Rosso_SqrtOp : Rosso_Unary<"sqrt", "square root", Rosso_FloatTensor>;
def Rosso_RsqrtOp : Rosso_Unary<"rsqrt", "1 / sqrt(x)", Rosso_FloatTensor>;
def Rosso_RecipOp : Rosso_Unary<"recip", "1 / x", Rosso_FloatTensor>;
def Rosso_TruncOp : Rosso_Unary<"trunc", "towards zero", Rosso_FloatTensor>;
def Rosso_FloorOp : Rosso_Unary<"floor", "towards minus infinity", Rosso_FloatTensor>;
def Rosso_RoundOp : Rosso_Unary<"round", "to the nearest, halves to even", Rosso_FloatTensor>;

def Rosso_AddOp : Rosso_Binary<"add", "x + y", Rosso_NumberTensor>;
def Rosso_SubOp : Rosso_Binary<"sub", "x - y", Rosso_NumberTensor>;
def Rosso_MulOp : Rosso_Binary<"mul", "x * y", Rosso_NumberTensor>;
def Rosso_DivOp : Rosso_Binary<"div", "x / y; integers towards zero, x / 0 = 0", Rosso_NumberTensor>;
def Rosso_ModOp : Rosso_Binary<"mod", "remainder, sign of x; integers x % 0 = 0", Rosso_NumberTensor>;
def Rosso_MaxOp : Rosso_Binary<"max", "the larger", Rosso_DenseTensor>;
def Rosso_MinOp : Rosso_Binary<"min", "the smaller", Rosso_DenseTensor>;
def Rosso_AndOp : Rosso_Binary<"and", "bitwise and", Rosso_BitsTensor>;
def Rosso_OrOp : Rosso_Binary<"or", "bitwise or", Rosso_BitsTensor>;
def Rosso_XorOp : Rosso_Binary<"xor", "bitwise exclusive or", Rosso_BitsTensor>;
def Rosso_ShlOp : Rosso_Binary<"shl", "x << y", Rosso_BitsTensor>;
def Rosso_ShrOp : Rosso_Binary<"shr", "x >> y, arithmetic for signed types", Rosso_BitsTensor>;
def Rosso_CmpLtOp : Rosso_Compare<"cmplt", "x < y">;
def Rosso_CmpEqOp : Rosso_Compare<"cmpeq", "x == y">;
def Rosso_CmpNeOp : Rosso_Compare<"cmpne", "x != y">;

def Rosso_WhereOp
    : Rosso_Op<"where", "c ? x : y", [Rosso_Elementwise, OneType<"result", "lhs">,
                                      OneType<"result", "rhs">, BoolShapeOf<"result", "condition">]> {
  let arguments = (ins Rosso_BoolTensor:$condition, Rosso_DenseTensor:$lhs, Rosso_DenseTensor:$rhs);
  let results = (outs Rosso_DenseTensor:$result);
  let assemblyFormat = "$condition `,` $lhs `,` $rhs attr-dict `:` type($result)";
}

//===-- movement ---------------------------------------------------------------------------------//

class Rosso_Move<string mnemonic, string about, dag attributes, string format>
    : Rosso_Op<mnemonic, about, [Rosso_Movement]> {
  let arguments = !con((ins Rosso_AnyTensor:$source), attributes);
  let results = (outs Rosso_AnyTensor:$result);
  let assemblyFormat = "$source " # format # "attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Rosso_ReshapeOp : Rosso_Move<"reshape", "the same elements in the same order", (ins), ""> {
  let description = [{
    - (C1) source and result have elements of one type
    - (C2) source and result have equally many elements
  }];
}

def Rosso_PermuteOp : Rosso_Move<"permute", "axes in another order", (ins DenseI64ArrayAttr:$axes),
                                 "$axes "> {
  let description = [{
    Extent `i` of the result is extent `axes[i]` of the source.

    - (C1) source and result have elements of one type
    - (C2) `axes` is a permutation of the source's axes
    - (C3) extent `i` of the result is extent `axes[i]` of the source
  }];
}

def Rosso_ExpandOp : Rosso_Move<"expand", "extents of 1 repeated", (ins), ""> {
  let description = [{
    - (C1) source and result have elements of one type
    - (C2) source and result have one rank
    - (C3) an extent of the source that is not 1 stays
  }];
}

def Rosso_PadOp
    : Rosso_Move<"pad", "a constant around the source",
                 (ins StrArrayAttr:$before, StrArrayAttr:$after, F64Attr:$value),
                 "`before` $before `after` $after `value` $value "> {
  let description = [{
    - (C1) source and result have elements of one type
    - (C2) `before` and `after` have a form for each axis, not negative for some values of the
      variables; the runtime refuses the others
    - (C3) the result's extents are before + source + after
  }];
}

def Rosso_ShrinkOp : Rosso_Move<"shrink", "a box of the source", (ins StrArrayAttr:$begin),
                                "$begin "> {
  let description = [{
    - (C1) source and result have elements of one type
    - (C2) `begin` has a form for each axis
    - (C3) the box lies within the source for some values of the variables; the runtime refuses
      the others
  }];
}

def Rosso_FlipOp : Rosso_Move<"flip", "some axes backwards", (ins DenseI64ArrayAttr:$axes),
                              "$axes "> {
  let description = [{
    - (C1) source and result have one type
    - (C2) `axes` are distinct axes of the source
  }];
}

def Rosso_StrideOp : Rosso_Move<"stride", "every n-th element of each axis, from 0",
                                (ins DenseI64ArrayAttr:$strides), "$strides "> {
  let description = [{
    - (C1) source and result have elements of one type
    - (C2) `strides` has a positive number for each axis
    - (C3) the result's extents are ceil(source / stride)
  }];
}

def Rosso_WindowOp
    : Rosso_Move<"window", "the windows that slide over an axis, in a new last axis",
                 (ins I64Attr:$axis, I64Attr:$size, I64Attr:$step, I64Attr:$dilation),
                 "`axis` $axis `size` $size `step` $step `dilation` $dilation "> {
  let description = [{
    Element `k` of window `o` is element `o * step + k * dilation` of the axis.

    - (C1) source and result have elements of one type
    - (C2) `axis` is an axis of the source; `size`, `step` and `dilation` are positive
    - (C3) the extent of the axis becomes the number of windows,
      (extent - (size - 1) * dilation - 1) / step + 1; a last axis of extent `size` is added
  }];
}

def Rosso_ConcatOp : Rosso_Op<"concat", "sources one after another on an axis", [Rosso_Movement]> {
  let description = [{
    - (C1) `axis` is an axis of the result, and there is a source
    - (C2) sources and result have elements of one type and one rank
    - (C3) sources and result agree in all other extents
    - (C4) the result's extent at `axis` is the sum of the sources'
  }];
  let arguments = (ins Variadic<Rosso_DenseTensor>:$sources, I64Attr:$axis);
  let results = (outs Rosso_DenseTensor:$result);
  let assemblyFormat = [{
    $sources `axis` $axis attr-dict `:` `(` type($sources) `)` `->` type($result)
  }];
  let hasVerifier = 1;
}

def Rosso_GatherOp : Rosso_Op<"gather", "rows of a table by number", [Rosso_Movement]> {
  let description = [{
    An index outside the table gives a row of zeros.

    - (C1) the result's extents are those of the index, then those of a row
    - (C2) the result's elements are the table's; of a quantised table, floats
    - (C3) a quantised table has rank 2 and rows of whole blocks
  }];
  let arguments = (ins Rosso_AnyTensor:$table, Rosso_I32Tensor:$index);
  let results = (outs Rosso_DenseTensor:$result);
  let assemblyFormat = [{
    $table `,` $index attr-dict `:` `(` type($table) `,` type($index) `)` `->` type($result)
  }];
  let hasVerifier = 1;
}

//===-- reductions -------------------------------------------------------------------------------//

class Rosso_Reduce<string mnemonic, string about> : Rosso_Op<mnemonic, about, [Rosso_Reduction]> {
  let description = [{
    - (C1) `axes` are distinct axes of the source, in ascending order
    - (C2) the result's extents are the source's, 1 at `axes`
    - (C3) source and result have elements of one type
  }];
  let arguments = (ins Rosso_DenseTensor:$source, DenseI64ArrayAttr:$axes);
  let results = (outs Rosso_DenseTensor:$result);
  let assemblyFormat = "$source $axes attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Rosso_ReduceSumOp : Rosso_Reduce<"reduce_sum", "sum over axes">;
def Rosso_ReduceProdOp : Rosso_Reduce<"reduce_prod", "product over axes">;
def Rosso_ReduceMaxOp : Rosso_Reduce<"reduce_max", "largest over axes">;
def Rosso_ReduceMinOp : Rosso_Reduce<"reduce_min", "smallest over axes">;
def Rosso_ArgMaxOp : Rosso_Reduce<"argmax", "where the largest is; the first of equals"> {
  let description = [{
    - (C1) `axes` is one axis of the source
    - (C2) the result's extents are the source's, 1 at `axes`
  }];
  let results = (outs Rosso_I32Tensor:$result);
}

def Rosso_TopKOp : Rosso_Op<"topk", "where the k largest of the last axis are, largest first"> {
  let description = [{
    Of equals, the first comes first.

    - (C1) `k` is positive and at most the last extent
    - (C2) the result's extents are the source's, with `k` for the last
  }];
  let arguments = (ins Rosso_NumberTensor:$source, I64Attr:$k);
  let results = (outs Rosso_I32Tensor:$result);
  let assemblyFormat = "$source `k` $k attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

//===-- scans and scatter ------------------------------------------------------------------------//

class Rosso_Cumulate<string mnemonic, string about>
    : Rosso_Op<mnemonic, about, [Rosso_Scan, OneType<"result", "source">]> {
  let description = [{
    - (C1) source and result have one type
    - (C2) `axis` is an axis of the source
  }];
  let arguments = (ins Rosso_NumberTensor:$source, I64Attr:$axis);
  let results = (outs Rosso_NumberTensor:$result);
  let assemblyFormat = "$source `axis` $axis attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Rosso_CumSumOp : Rosso_Cumulate<"cumsum", "sums of all elements of an axis up to each">;
def Rosso_CumProdOp : Rosso_Cumulate<"cumprod", "products of all elements of an axis up to each">;
def Rosso_CumMaxOp : Rosso_Cumulate<"cummax", "the largest of an axis up to each element">;
def Rosso_CumMinOp : Rosso_Cumulate<"cummin", "the smallest of an axis up to each element">;

def Rosso_ScatterOp
    : Rosso_Op<"scatter", "rows combined with those of `base` that an index names",
               [OneType<"result", "base">]> {
  let description = [{
    Row `index[i]` of the result is that of `base`, combined with every row `i` of `updates`, one
    after another. `combine` is one of set, sum, prod, max, min. An index outside `base` is skipped.

    - (C1) base and result have one type
    - (C2) `combine` is one of the five
    - (C3) the updates' extents are those of the index, then those of a row of `base`; their
      elements are of its type
  }];
  let arguments = (ins Rosso_DenseTensor:$base, Rosso_I32Tensor:$index, Rosso_DenseTensor:$updates,
                       StrAttr:$combine);
  let results = (outs Rosso_DenseTensor:$result);
  let assemblyFormat = [{
    $updates `into` $base `at` $index `by` $combine attr-dict
    `:` type($updates) `,` type($index) `into` type($result)
  }];
  let hasVerifier = 1;
}

//===-- contractions -----------------------------------------------------------------------------//

def Rosso_DequantOp : Rosso_Op<"dequant", "quantised blocks as floats"> {
  let description = [{
    The only way from quantised data to numbers. fuse-dequant moves it into its consumer; what
    remains is an error unless `materialize` is 1.

    - (C1) source and result have one shape
    - (C2) the last extent is a multiple of the format's block length
  }];
  let arguments = (ins Rosso_QuantTensor:$source, OptionalAttr<I64Attr>:$materialize);
  let results = (outs Rosso_FloatTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Rosso_QuantizeOp : Rosso_Op<"quantize", "activations as int8 blocks along the last axis"> {
  let description = [{
    - (C1) source and result have one shape
    - (C2) the last extent is a multiple of the format's block length
  }];
  let arguments = (ins Rosso_FloatTensor:$source);
  let results = (outs Rosso_QuantTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Rosso_LinearOp : Rosso_Op<"linear", "x w^T: x [..., K], w [N, K] -> [..., N]"> {
  let description = [{
    - (C1) the weight has rank 2, the source at least 1, and both end in the same constant K
    - (C2) the result's extents are the source's, with N for the last
    - (C3) a quantised operand has rows of whole blocks
    - (C4) a quantised source meets a quantised weight
  }];
  let arguments = (ins Rosso_FloatOrQuantTensor:$source, Rosso_FloatOrQuantTensor:$weight);
  let results = (outs Rosso_FloatTensor:$result);
  let assemblyFormat = [{
    $source `,` $weight attr-dict `:` `(` type($source) `,` type($weight) `)` `->` type($result)
  }];
  let hasVerifier = 1;
}

def Rosso_MatmulOp : Rosso_Op<"matmul", "a [B..., M, K], b [B..., K, N] -> [B..., M, N]"> {
  let description = [{
    - (C1) operands and result have one rank, at least 2, and elements of one type
    - (C2) they agree in B, the operands in K
    - (C3) the result ends in M, N
  }];
  let arguments = (ins Rosso_NumberTensor:$lhs, Rosso_NumberTensor:$rhs);
  let results = (outs Rosso_NumberTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs attr-dict `:` `(` type($lhs) `,` type($rhs) `)` `->` type($result)
  }];
  let hasVerifier = 1;
}

def Rosso_AttentionOp
    : Rosso_Op<"attention", "softmax(q k^T scale + mask) v over heads"> {
  let description = [{
    q [H, T, d]; k, v [G, C, d], of which the first `length` of C hold; mask [T, length] or
    [H, T, length], added to the scores. `causal`: token t sees positions 0 .. length - T + t.
    Query head h reads key/value head h / (H / G). Result [H, T, d].
    With `kv_heads` G and `first_head` (a form), k and v are [N, C, d] with the heads of several
    sequences: those from `first_head` on are read.

    - (C1) q, k, v and the result have rank 3; k and v agree in G and C, q and k in d
    - (C2) H is a multiple of G
    - (C3) `length` is a form of at least 1, and at most C for some values of the variables
    - (C4) the result has q's H and T, and v's d
    - (C5) a mask ends in [T, length]; a rank of 3 begins with H
    - (C6) quantised k and v have rows of whole blocks
    - (C7) `kv_heads` and `first_head` come together, and the heads they name lie within k for some
      values of the variables
  }];
  let arguments = (ins Rosso_F32Tensor:$query, Rosso_FloatOrQuantTensor:$key,
                       Rosso_FloatOrQuantTensor:$value, Optional<Rosso_FloatTensor>:$mask,
                       F64Attr:$scale, UnitAttr:$causal, StrAttr:$length,
                       OptionalAttr<I64Attr>:$kv_heads, OptionalAttr<StrAttr>:$first_head);
  let results = (outs Rosso_F32Tensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`mask` $mask^ `:` type($mask))? (`causal` $causal^)? `scale` $scale
    `length` $length attr-dict
    `:` `(` type($query) `,` type($key) `,` type($value) `)` `->` type($result)
  }];
  let extraClassDeclaration = [{
    /// G: how many key/value heads are read.
    int64_t kvHeadCount() {
      return getKvHeads() ? static_cast<int64_t>(*getKvHeads()) : getValue().getType().getShape()[0];
    }
  }];
  let hasVerifier = 1;
}

//===-- state ------------------------------------------------------------------------------------//

def Rosso_UpdateOp
    : Rosso_Op<"update", "the next value of a state: `value` written at `begin`",
               [TypesMatchWith<"(C1) state and result have one type", "result", "state", "$_self">]> {
  let description = [{
    Runs in place: the result is the state's memory. Floats written into a quantised state are
    packed into its format.

    - (C1) state and result have one type
    - (C2) `begin` has a form for each axis, and the value the state's rank
    - (C3) the value lies within the state for some values of the variables; the runtime refuses
      the others
    - (C4) the value has the state's element type; for a quantised state, floats in whole rows
  }];
  let arguments = (ins Rosso_AnyTensor:$state, Rosso_AnyTensor:$value, StrArrayAttr:$begin);
  let results = (outs Rosso_AnyTensor:$result);
  let assemblyFormat = "$value `into` $state $begin attr-dict `:` type($value) `into` type($result)";
  let hasVerifier = 1;
}

//===-- kernels ----------------------------------------------------------------------------------//

def Rosso_KernelOp
    : Op<Rosso_Dialect, "kernel", [IsolatedFromAbove, RecursiveMemoryEffects,
                                   SingleBlock]> {
  let summary = "one device function: what fuse leaves";
  let description = [{
    The body sees only its arguments, which stand for the operands in order. fuse says in
    `template` which loop structure will compute it and, for a reduce, which axes of each result
    number its rows; plan-memory adds `slots`, schedule `barrier`. `nodes` holds the graph node that each
    result is the value of, or -1.

    ```mlir
    %y = rosso.kernel "map_silu_4864" map (%a = %x : tensor<4864xf32>) -> tensor<4864xf32> {
      %0 = rosso.neg %a : tensor<4864xf32>
      rosso.yield %0 : tensor<4864xf32>
    }
    ```

    - (C1) the body's arguments have the operands' types
    - (C2) the body yields the results' types
    - (C3) `rows`, `slots` and `nodes` have an entry for each result
    - (C4) a result is not a value of the body's arguments
  }];
  let arguments = (ins Variadic<Rosso_AnyTensor>:$inputs, StrAttr:$name,
                       Rosso_KernelTemplateAttr:$kind, OptionalAttr<TypedArrayAttrBase<DenseI64ArrayAttr, "axes">>:$rows,
                       OptionalAttr<TypedArrayAttrBase<Rosso_SlotAttr, "slots">>:$slots,
                       UnitAttr:$barrier, OptionalAttr<DenseI64ArrayAttr>:$nodes);
  let results = (outs Variadic<Rosso_AnyTensor>:$results);
  let regions = (region SizedRegion<1>:$region);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    KernelTemplate getTemplate() { return getKind(); }
    ::mlir::OperandRange getYielded() { return getBody()->getTerminator()->getOperands(); }
  }];
}

def Rosso_YieldOp
    : Op<Rosso_Dialect, "yield", [Pure, Terminator, HasParent<"KernelOp">]> {
  let summary = "the results of a kernel";
  let arguments = (ins Variadic<Rosso_AnyTensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}
