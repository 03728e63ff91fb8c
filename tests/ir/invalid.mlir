// RUN: rosso-opt %s --verify-diagnostics --split-input-file

// Every numbered constraint of Ops.td, broken once.

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f() {
  // expected-error @+1 {{C1: result has extents [1], expected a scalar}}
  %0 = rosso.constant 1.0 -> tensor<1xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f() {
  // expected-error @+1 {{C2: an integer result has a float value}}
  %0 = rosso.constant 1.0 -> tensor<i32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f() {
  // expected-error @+1 {{C1: 'X' names 'X', which rosso.vars of the module does not declare}}
  %0 = rosso.variable ["X"] : tensor<i32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f() {
  // expected-error @+1 {{C1: 2 forms for 1 axes}}
  %0 = rosso.variable ["P", "T"] : tensor<i32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f() {
  // expected-error @+1 {{C2: result has extents [1], expected a scalar}}
  %0 = rosso.variable ["P"] : tensor<1xi32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f() {
  // expected-error @+1 {{C1: result has extents [2, 2], expected one}}
  %0 = rosso.iota : tensor<2x2xi32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>, %b: tensor<4xf16>) {
  // expected-error @+1 {{(C1) operands and result have one type}}
  %0 = "rosso.add"(%a, %b) : (tensor<4xf32>, tensor<4xf16>) -> tensor<4xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{(C2) a bool for each element}}
  %0 = "rosso.cmplt"(%a, %a) : (tensor<4xf32>, tensor<4xf32>) -> tensor<5xi1>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{C1: result has extents [5], expected [4]}}
  %0 = rosso.cast %a : tensor<4xf32> -> tensor<5xf16>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{C2: source has elements of 4 bytes, result of 2}}
  %0 = rosso.bitcast %a : tensor<4xf32> -> tensor<4xi16>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{C1: source has elements 'f32', result 'f16'}}
  %0 = rosso.reshape %a : tensor<4xf32> -> tensor<4xf16>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{C2: extents [4] and [5] have different products}}
  %0 = rosso.reshape %a : tensor<4xf32> -> tensor<5xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<?x4xf32, #rosso.dims<"T">>) {
  // expected-error @+1 {{C2: extents [T, 4] and [2*T, 4] have different products}}
  %0 = rosso.reshape %a : tensor<?x4xf32, #rosso.dims<"T">> -> tensor<?x4xf32, #rosso.dims<"2*T">>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{C2: axes [0, 0] are not a permutation of 2 axes}}
  %0 = rosso.permute %a [0, 0] : tensor<2x3xf32> -> tensor<2x2xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{C3: result has extents [2, 3], expected [3, 2]}}
  %0 = rosso.permute %a [1, 0] : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<3xf32>) {
  // expected-error @+1 {{C2: source has rank 1, result 2}}
  %0 = rosso.expand %a : tensor<3xf32> -> tensor<2x3xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<1x3xf32>) {
  // expected-error @+1 {{C3: extent 3 of axis 1 cannot become 4}}
  %0 = rosso.expand %a : tensor<1x3xf32> -> tensor<2x4xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{C2: 1 forms for 2 axes}}
  %0 = rosso.pad %a before ["0"] after ["0", "0"] value 0.0 : tensor<2x3xf32> -> tensor<2x3xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<12xf32>) {
  // expected-error @+1 {{C2: axis 0: a pad of P - 8 and 0 is always negative}}
  %0 = rosso.pad %a before ["P - 8"] after ["0"] value 0.0 : tensor<12xf32> -> tensor<?xf32, #rosso.dims<"P + 4">>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2xf32>) {
  // expected-error @+1 {{C3: result has extents [4], expected [3]}}
  %0 = rosso.pad %a before ["1"] after ["0"] value 0.0 : tensor<2xf32> -> tensor<4xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2xf32>) {
  // expected-error @+1 {{C2: 0 forms for 1 axes}}
  %0 = rosso.shrink %a [] : tensor<2xf32> -> tensor<1xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2xf32>) {
  // expected-error @+1 {{C3: axis 0: 2 elements at 1 exceed extent 2}}
  %0 = rosso.shrink %a ["1"] : tensor<2xf32> -> tensor<2xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2xf32>) {
  // expected-error @+1 {{C1: source and result differ in type}}
  %0 = rosso.flip %a [0] : tensor<2xf32> -> tensor<3xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2xf32>) {
  // expected-error @+1 {{C2: axes [1] are not distinct axes of the source}}
  %0 = rosso.flip %a [1] : tensor<2xf32> -> tensor<2xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2xf32>) {
  // expected-error @+1 {{C2: strides [0]: expected 1 positive numbers}}
  %0 = rosso.stride %a [0] : tensor<2xf32> -> tensor<2xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{C2: axis 1, size 2, step 1, dilation 1: expected an axis of the source and positive numbers}}
  %0 = rosso.window %a axis 1 size 2 step 1 dilation 1 : tensor<4xf32> -> tensor<4x2xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{C3: extent 4 has no room for a window}}
  %0 = rosso.window %a axis 0 size 3 step 1 dilation 2 : tensor<4xf32> -> tensor<1x3xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<6xf32>) {
  // expected-error @+1 {{C3: result has extents [4, 3], expected [2, 3]}}
  %0 = rosso.window %a axis 0 size 3 step 2 dilation 1 : tensor<6xf32> -> tensor<4x3xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{C3: result has extents [3], expected [2]}}
  %0 = rosso.stride %a [2] : tensor<4xf32> -> tensor<3xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{C1: axis 1 of 1 sources of rank 1}}
  %0 = rosso.concat %a axis 1 : (tensor<4xf32>) -> tensor<4xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf16>) {
  // expected-error @+1 {{C2: a source is 'tensor<4xf16>', the result 'tensor<4xf32>'}}
  %0 = rosso.concat %a axis 0 : (tensor<4xf16>) -> tensor<4xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4x2xf32>) {
  // expected-error @+1 {{C3: a source is 'tensor<4x2xf32>', the result 'tensor<4x3xf32>'}}
  %0 = rosso.concat %a axis 0 : (tensor<4x2xf32>) -> tensor<4x3xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<4xf32>) {
  // expected-error @+1 {{C4: sources have 8 at axis 0, the result 9}}
  %0 = rosso.concat %a, %a axis 0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<9xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<9x3xf32>, %i: tensor<2xi32>) {
  // expected-error @+1 {{C1: result has extents [2, 4], expected [2, 3]}}
  %0 = rosso.gather %a, %i : (tensor<9x3xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<9x3xf32>, %i: tensor<2xi32>) {
  // expected-error @+1 {{C2: the table has elements 'f32', the result 'f16'}}
  %0 = rosso.gather %a, %i : (tensor<9x3xf32>, tensor<2xi32>) -> tensor<2x3xf16>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<32x!rosso.quant<q4_0>>, %i: tensor<2xi32>) {
  // expected-error @+1 {{C3: a quantised table of rank 1}}
  %0 = rosso.gather %a, %i : (tensor<32x!rosso.quant<q4_0>>, tensor<2xi32>) -> tensor<2xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{C1: axes [1, 0] are not ascending axes of the source}}
  %0 = rosso.reduce_sum %a [1, 0] : tensor<2x3xf32> -> tensor<1x1xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{C2: result has extents [2], expected [2, 1]}}
  %0 = rosso.reduce_sum %a [1] : tensor<2x3xf32> -> tensor<2xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{C3: source and result differ in element type}}
  %0 = rosso.reduce_max %a [1] : tensor<2x3xf32> -> tensor<2x1xf16>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{C1: axes [0, 1] are not one axis of the source}}
  %0 = rosso.argmax %a [0, 1] : tensor<2x3xf32> -> tensor<1x1xi32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>) {
  // expected-error @+1 {{C2: result has extents [2, 3], expected [2, 1]}}
  %0 = rosso.argmax %a [1] : tensor<2x3xf32> -> tensor<2x3xi32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<3xf32>) {
  // expected-error @+1 {{C1: k is 4 of extents [3]}}
  %0 = rosso.topk %a k 4 : tensor<3xf32> -> tensor<4xi32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<3xf32>) {
  // expected-error @+1 {{C2: result has extents [3], expected [2]}}
  %0 = rosso.topk %a k 2 : tensor<3xf32> -> tensor<3xi32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<32x!rosso.quant<q4_0>>) {
  // expected-error @+1 {{C1: result has extents [64], expected [32]}}
  %0 = rosso.dequant %a : tensor<32x!rosso.quant<q4_0>> -> tensor<64xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x33x!rosso.quant<q4_0>>) {
  // expected-error @+1 {{C2: innermost extent 33 is not a multiple of the q4_0 block length 32}}
  %0 = rosso.dequant %a : tensor<2x33x!rosso.quant<q4_0>> -> tensor<2x33xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<32xf32>) {
  // expected-error @+1 {{C1: result has extents [64], expected [32]}}
  %0 = rosso.quantize %a : tensor<32xf32> -> tensor<64x!rosso.quant<q8_a>>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<?xf32, #rosso.dims<"T">>) {
  // expected-error @+1 {{C2: innermost extent T is not a multiple of the q8_a block length 32}}
  %0 = rosso.quantize %a : tensor<?xf32, #rosso.dims<"T">> -> tensor<?x!rosso.quant<q8_a>, #rosso.dims<"T">>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>, %w: tensor<5x4xf32>) {
  // expected-error @+1 {{C1: source has extents [2, 3], weight [5, 4]}}
  %0 = rosso.linear %a, %w : (tensor<2x3xf32>, tensor<5x4xf32>) -> tensor<2x5xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>, %w: tensor<5x3xf32>) {
  // expected-error @+1 {{C2: result has extents [2, 6], expected [2, 5]}}
  %0 = rosso.linear %a, %w : (tensor<2x3xf32>, tensor<5x3xf32>) -> tensor<2x6xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x128xf32>, %w: tensor<5x128x!rosso.quant<q4_k>>) {
  // expected-error @+1 {{C3: innermost extent 128 is not a multiple of the q4_k block length 256}}
  %0 = rosso.linear %a, %w : (tensor<2x128xf32>, tensor<5x128x!rosso.quant<q4_k>>) -> tensor<2x5xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x32x!rosso.quant<q8_a>>, %w: tensor<5x32xf32>) {
  // expected-error @+1 {{C4: a quantised source meets a dense weight}}
  %0 = rosso.linear %a, %w : (tensor<2x32x!rosso.quant<q8_a>>, tensor<5x32xf32>) -> tensor<2x5xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>, %b: tensor<3xf32>) {
  // expected-error @+1 {{C1: operands have extents [2, 3] and [3]}}
  %0 = rosso.matmul %a, %b : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error @+1 {{C2: operands have extents [2, 3] and [4, 5]}}
  %0 = rosso.matmul %a, %b : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x5xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%a: tensor<2x3xf32>, %b: tensor<3x5xf32>) {
  // expected-error @+1 {{C3: result has extents [2, 4], expected [2, 5]}}
  %0 = rosso.matmul %a, %b : (tensor<2x3xf32>, tensor<3x5xf32>) -> tensor<2x4xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%q: tensor<4x1x32xf32>, %k: tensor<2x16x64xf32>) {
  // expected-error @+1 {{C1: q, k and v have extents [4, 1, 32], [2, 16, 64] and [2, 16, 64]}}
  %0 = rosso.attention %q, %k, %k scale 1.0 length "8" : (tensor<4x1x32xf32>, tensor<2x16x64xf32>, tensor<2x16x64xf32>) -> tensor<4x1x32xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%q: tensor<4x1x32xf32>, %k: tensor<3x16x32xf32>) {
  // expected-error @+1 {{C2: 4 heads over 3 key/value heads}}
  %0 = rosso.attention %q, %k, %k scale 1.0 length "8" : (tensor<4x1x32xf32>, tensor<3x16x32xf32>, tensor<3x16x32xf32>) -> tensor<4x1x32xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%q: tensor<4x1x32xf32>, %k: tensor<2x16x32xf32>) {
  // expected-error @+1 {{C3: length 17 of 16 positions}}
  %0 = rosso.attention %q, %k, %k scale 1.0 length "17" : (tensor<4x1x32xf32>, tensor<2x16x32xf32>, tensor<2x16x32xf32>) -> tensor<4x1x32xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%q: tensor<4x1x32xf32>, %k: tensor<2x16x32xf32>) {
  // expected-error @+1 {{C4: result has extents [4, 2, 32], expected [4, 1, 32]}}
  %0 = rosso.attention %q, %k, %k scale 1.0 length "8" : (tensor<4x1x32xf32>, tensor<2x16x32xf32>, tensor<2x16x32xf32>) -> tensor<4x2x32xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%q: tensor<4x1x32xf32>, %k: tensor<2x16x32xf32>, %m: tensor<2x8xf32>) {
  // expected-error @+1 {{C5: mask has extents [2, 8], expected [1, 8]}}
  %0 = rosso.attention %q, %k, %k mask %m : tensor<2x8xf32> scale 1.0 length "8" : (tensor<4x1x32xf32>, tensor<2x16x32xf32>, tensor<2x16x32xf32>) -> tensor<4x1x32xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%q: tensor<4x1x48xf32>, %k: tensor<2x16x48x!rosso.quant<q8_0>>) {
  // expected-error @+1 {{C6: innermost extent 48 is not a multiple of the q8_0 block length 32}}
  %0 = rosso.attention %q, %k, %k scale 1.0 length "8" : (tensor<4x1x48xf32>, tensor<2x16x48x!rosso.quant<q8_0>>, tensor<2x16x48x!rosso.quant<q8_0>>) -> tensor<4x1x48xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%s: tensor<4xf32>, %v: tensor<1xf32>) {
  // expected-error @+1 {{(C1) state and result have one type}}
  %0 = "rosso.update"(%s, %v) <{begin = ["0"]}> : (tensor<4xf32>, tensor<1xf32>) -> tensor<5xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%s: tensor<4x32xf32>, %v: tensor<1x32xf32>) {
  // expected-error @+1 {{C2: 1 forms for 2 axes}}
  %0 = rosso.update %v into %s ["0"] : tensor<1x32xf32> into tensor<4x32xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%s: tensor<4x32xf32>, %v: tensor<32xf32>) {
  // expected-error @+1 {{C2: state has rank 2, value 1}}
  %0 = rosso.update %v into %s ["0", "0"] : tensor<32xf32> into tensor<4x32xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%s: tensor<4x32xf32>, %v: tensor<1x32xf32>) {
  // expected-error @+1 {{C3: axis 0: 1 elements at 4 exceed extent 4}}
  %0 = rosso.update %v into %s ["4", "0"] : tensor<1x32xf32> into tensor<4x32xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%s: tensor<4x32xf32>, %v: tensor<1x32xf16>) {
  // expected-error @+1 {{C4: state has elements 'f32', value 'f16'}}
  %0 = rosso.update %v into %s ["0", "0"] : tensor<1x32xf16> into tensor<4x32xf32>
  return
}
}

// -----

module attributes {rosso.vars = {P = [0, 7], T = [1, 8]}} {
func.func @f(%s: tensor<4x32x!rosso.quant<q8_0>>, %v: tensor<1x16xf32>) {
  // expected-error @+1 {{C4: a value of extents [1, 16] does not fill rows of a state of extents [4, 32]}}
  %0 = rosso.update %v into %s ["0", "0"] : tensor<1x16xf32> into tensor<4x32x!rosso.quant<q8_0>>
  return
}
}

// -----

func.func @kernel_c1(%x: tensor<4xf32>) {
  // expected-error @+1 {{C1: the body's arguments and the operands differ in type}}
  %0 = "rosso.kernel"(%x) <{kind = #rosso<template map>, name = "k"}> ({
  ^bb0(%a: tensor<5xf32>):
    %1 = rosso.neg %a : tensor<5xf32>
    rosso.yield %1 : tensor<5xf32>
  }) : (tensor<4xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @kernel_c2(%x: tensor<4xf32>) {
  // expected-error @+1 {{C2: the body does not yield the results' types}}
  %0 = rosso.kernel "k" map (%a = %x : tensor<4xf32>) -> tensor<5xf32> {
    %1 = rosso.neg %a : tensor<4xf32>
    rosso.yield %1 : tensor<4xf32>
  }
  return
}

// -----

func.func @kernel_c3(%x: tensor<4xf32>) {
  // expected-error @+1 {{C3: 2 nodes for 1 results}}
  %0 = rosso.kernel "k" map (%a = %x : tensor<4xf32>) -> tensor<4xf32> attributes {nodes = array<i64: 1, 2>} {
    %1 = rosso.neg %a : tensor<4xf32>
    rosso.yield %1 : tensor<4xf32>
  }
  return
}

// -----

func.func @kernel_c4(%x: tensor<4xf32>) {
  // expected-error @+1 {{C4: result 0 is an argument of the body}}
  %0 = rosso.kernel "k" map (%a = %x : tensor<4xf32>) -> tensor<4xf32> {
    rosso.yield %a : tensor<4xf32>
  }
  return
}

// -----

func.func @kernel_c3_rows(%x: tensor<4xf32>) {
  // expected-error @+1 {{C3: rows of 2 results, not of 1}}
  %0 = rosso.kernel "k" map (%a = %x : tensor<4xf32>) -> tensor<4xf32> attributes {rows = [array<i64: 0>, array<i64>]} {
    %1 = rosso.neg %a : tensor<4xf32>
    rosso.yield %1 : tensor<4xf32>
  }
  return
}

// -----

func.func @scan_c2(%x: tensor<4xf32>) {
  // expected-error @+1 {{C2: axis 1 of a source of rank 1}}
  %0 = rosso.cumsum %x axis 1 : tensor<4xf32>
  return
}

// -----

func.func @scatter_c2(%x: tensor<4xf32>, %i: tensor<2xi32>, %u: tensor<2xf32>) {
  // expected-error @+1 {{C2: combine is 'mean', expected set, sum, prod, max or min}}
  %0 = rosso.scatter %u into %x at %i by "mean" : tensor<2xf32>, tensor<2xi32> into tensor<4xf32>
  return
}

// -----

func.func @scatter_c3(%x: tensor<4x3xf32>, %i: tensor<2xi32>, %u: tensor<2xf32>) {
  // expected-error @+1 {{C3: updates are 'tensor<2xf32>', expected extents [2, 3]}}
  %0 = rosso.scatter %u into %x at %i by "sum" : tensor<2xf32>, tensor<2xi32> into tensor<4x3xf32>
  return
}
