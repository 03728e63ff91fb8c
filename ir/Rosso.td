// The dialect, its types and attributes. Ops are in Ops.td.
#ifndef ROSSO_DIALECT_TD
#define ROSSO_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/TensorEncoding.td"

def Rosso_Dialect : Dialect {
  let name = "rosso";
  let cppNamespace = "::rosso";
  let summary = "tensor programs over quantised weights";
  let description = [{
    Values are builtin ranked tensors. Quantised data is an element type; an extent that is known
    only at run time is a form of named variables, kept in the tensor's encoding:

    ```mlir
    tensor<4864x896x!rosso.quant<q4_k>>
    tensor<?x896xf32, #rosso.dims<"T">>
    ```

    `rosso.vars = {P = [0, 1023], T = [1, 512]}` on the module bounds the variables. A function is
    an entry; its arguments are weights, states and inputs (`rosso.name`, `rosso.space`).
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
}

def Rosso_QuantType
    : TypeDef<Rosso_Dialect, "Quant", [DeclareTypeInterfaceMethods<VectorElementTypeInterface>]> {
  let mnemonic = "quant";
  let summary = "an element of a block format";
  let description = "`formatName` is that of a format of `ir/quant/Formats.h`: `!rosso.quant<q4_k>`.";
  let parameters = (ins StringRefParameter<"the format's name">:$formatName);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = "const QuantFormat &getFormat() const;";
}

def Rosso_DimsAttr
    : AttrDef<Rosso_Dialect, "Dims", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "dims";
  let summary = "the extents of a tensor's `?`, in order";
  let description = "Each is a form as `support/Dim.h` prints it: `#rosso.dims<\"T\", \"P + T\">`.";
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr", "one for each `?`">:$extents);
  let assemblyFormat = "`<` $extents `>`";
  let genVerifyDecl = 1;
}

class Rosso_Enum<string name, string about, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, about, cases> {
  let cppNamespace = "::rosso";
  let genSpecializedAttr = 0;
}

def Rosso_SlotSpace : Rosso_Enum<"SlotSpace", "where a kernel's result lies", [
  I32EnumAttrCase<"Scratch", 0, "scratch">,
  I32EnumAttrCase<"State", 1, "state">,
  I32EnumAttrCase<"Output", 2, "output">,
]>;

def Rosso_SlotAttr : AttrDef<Rosso_Dialect, "Slot"> {
  let mnemonic = "slot";
  let summary = "the place of a kernel's result in memory";
  let description = [{
    `index` is the function's argument number of a state, its result number of an output, and 0 of
    scratch; `offset` counts bytes: `#rosso.slot<scratch, index 0, offset 4096>`.
  }];
  let parameters = (ins EnumParameter<Rosso_SlotSpace>:$space, "int64_t":$index,
                        "int64_t":$offset);
  let assemblyFormat = "`<` $space `,` `index` $index `,` `offset` $offset `>`";
}

def Rosso_KernelTemplate : Rosso_Enum<"KernelTemplate", "the loop structure of a kernel", [
  I32EnumAttrCase<"Map", 0, "map">,
  I32EnumAttrCase<"Reduce", 1, "reduce">,
  I32EnumAttrCase<"Matvec", 2, "matvec">,
  I32EnumAttrCase<"Matmul", 3, "matmul">,
  I32EnumAttrCase<"Attention", 4, "attention">,
  I32EnumAttrCase<"TopK", 5, "topk">,
  I32EnumAttrCase<"Scan", 6, "scan">,
  I32EnumAttrCase<"Scatter", 7, "scatter">,
]>;
def Rosso_KernelTemplateAttr : EnumAttr<Rosso_Dialect, Rosso_KernelTemplate, "template">;

// Element types: signless integers are signed.
def Rosso_Float : AnyTypeOf<[F16, BF16, F32, F64], "a float">;
def Rosso_Int : AnyTypeOf<[I8, I16, I32, I64, UI8, UI16, UI32, UI64], "an integer">;
def Rosso_Bits : AnyTypeOf<[I1, Rosso_Int], "an integer or bool">;
def Rosso_Number : AnyTypeOf<[Rosso_Float, Rosso_Int], "a number">;
def Rosso_Scalar : AnyTypeOf<[Rosso_Float, Rosso_Int, I1], "a number or bool">;
def Rosso_Quant : Type<CPred<"::llvm::isa<::rosso::QuantType>($_self)">, "a quantised element">;

def Rosso_BoolTensor : RankedTensorOf<[I1]>;
def Rosso_FloatTensor : RankedTensorOf<[Rosso_Float]>;
def Rosso_F32Tensor : RankedTensorOf<[F32]>;
def Rosso_I32Tensor : RankedTensorOf<[I32]>;
def Rosso_BitsTensor : RankedTensorOf<[Rosso_Bits]>;
def Rosso_NumberTensor : RankedTensorOf<[Rosso_Number]>;
def Rosso_DenseTensor : RankedTensorOf<[Rosso_Scalar]>;
def Rosso_QuantTensor : RankedTensorOf<[Rosso_Quant]>;
def Rosso_FloatOrQuantTensor : RankedTensorOf<[Rosso_Float, Rosso_Quant]>;
def Rosso_AnyTensor : RankedTensorOf<[Rosso_Scalar, Rosso_Quant]>;

#endif
