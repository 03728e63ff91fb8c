// RUN: rosso-opt %s | FileCheck %s
// RUN: rosso-opt %s | rosso-opt | rosso-opt --verify-roundtrip | FileCheck %s
// RUN: rosso-opt %s --mlir-print-op-generic | rosso-opt | FileCheck %s

// What is printed is read back, in both syntaxes.
// CHECK: rosso.vars = {P = [0, 1023], T = [1, 512]}
module attributes {rosso.vars = {P = [0, 1023], T = [1, 512]}} {
// CHECK-LABEL: @leaves
// CHECK-SAME:    tensor<4864x1024x!rosso.quant<q4_k>> {rosso.name = "blk.0.ffn_up.weight", rosso.space = "weight"}
// CHECK-SAME:    tensor<?x1024xf32, #rosso.dims<"T">>
func.func @leaves(%w: tensor<4864x1024x!rosso.quant<q4_k>> {rosso.name = "blk.0.ffn_up.weight", rosso.space = "weight"},
                  %x: tensor<?x1024xf32, #rosso.dims<"T">>)
    -> (tensor<?x4864xf32, #rosso.dims<"T">> {rosso.name = "y"}) {
  // CHECK: rosso.constant 1.000000e+00 -> tensor<f32>
  %one = rosso.constant 1.0 -> tensor<f32>
  // CHECK: rosso.constant -3 -> tensor<i32>
  %i = rosso.constant -3 -> tensor<i32>
  // CHECK: rosso.constant 0xFFF0000000000000 : f64 -> tensor<f32>
  %inf = rosso.constant 0xFFF0000000000000 : f64 -> tensor<f32>
  // CHECK: rosso.variable ["P"] : tensor<i32>
  %p = rosso.variable ["P"] : tensor<i32>
  // CHECK: rosso.iota : tensor<?xi32, #rosso.dims<"P + T">>
  %n = rosso.iota : tensor<?xi32, #rosso.dims<"P + T">>
  // CHECK: rosso.linear
  %y = rosso.linear %x, %w : (tensor<?x1024xf32, #rosso.dims<"T">>, tensor<4864x1024x!rosso.quant<q4_k>>) -> tensor<?x4864xf32, #rosso.dims<"T">>
  return %y : tensor<?x4864xf32, #rosso.dims<"T">>
}

// CHECK-LABEL: @movement
func.func @movement(%x: tensor<2x3xf32>, %i: tensor<?xi32, #rosso.dims<"T">>) {
  // CHECK: rosso.reshape %{{.*}} : tensor<2x3xf32> -> tensor<6xf32>
  %0 = rosso.reshape %x : tensor<2x3xf32> -> tensor<6xf32>
  // CHECK: rosso.permute %{{.*}} [1, 0] :
  %1 = rosso.permute %x [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
  // CHECK: rosso.pad %{{.*}} before ["T", "0"] after ["0", "1"] value 2.500000e-01 :
  %2 = rosso.pad %x before ["T", "0"] after ["0", "1"] value 0.25 : tensor<2x3xf32> -> tensor<?x4xf32, #rosso.dims<"T + 2">>
  // CHECK: rosso.shrink %{{.*}} ["1", "0"] :
  %3 = rosso.shrink %x ["1", "0"] : tensor<2x3xf32> -> tensor<1x2xf32>
  // CHECK: rosso.flip %{{.*}} [1] :
  %4 = rosso.flip %x [1] : tensor<2x3xf32> -> tensor<2x3xf32>
  // CHECK: rosso.stride %{{.*}} [1, 2] :
  %5 = rosso.stride %x [1, 2] : tensor<2x3xf32> -> tensor<2x2xf32>
  // CHECK: rosso.window %{{.*}} axis 1 size 2 step 1 dilation 1 :
  %w = rosso.window %x axis 1 size 2 step 1 dilation 1 : tensor<2x3xf32> -> tensor<2x2x2xf32>
  // CHECK: rosso.concat %{{.*}}, %{{.*}} axis 0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  %6 = rosso.concat %x, %x axis 0 : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<4x3xf32>
  // CHECK: rosso.gather
  %7 = rosso.gather %x, %i : (tensor<2x3xf32>, tensor<?xi32, #rosso.dims<"T">>) -> tensor<?x3xf32, #rosso.dims<"T">>
  return
}

// CHECK-LABEL: @order
func.func @order(%x: tensor<4x3xf32>, %i: tensor<2xi32>, %u: tensor<2x3xf32>) {
  // CHECK: rosso.cumsum %{{.*}} axis 1 : tensor<4x3xf32>
  %0 = rosso.cumsum %x axis 1 : tensor<4x3xf32>
  // CHECK: rosso.scatter %{{.*}} into %{{.*}} at %{{.*}} by "sum" : tensor<2x3xf32>, tensor<2xi32> into tensor<4x3xf32>
  %1 = rosso.scatter %u into %x at %i by "sum" : tensor<2x3xf32>, tensor<2xi32> into tensor<4x3xf32>
  return
}

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<4x?x64xf32, #rosso.dims<"T">>, %k: tensor<2x1536x64xf16>, %m: tensor<?x?xf32, #rosso.dims<"T", "P + T">>) {
  // CHECK: rosso.attention %{{.*}}, %{{.*}}, %{{.*}} causal scale 1.250000e-01 length "P + T" :
  %0 = rosso.attention %q, %k, %k causal scale 0.125 length "P + T" : (tensor<4x?x64xf32, #rosso.dims<"T">>, tensor<2x1536x64xf16>, tensor<2x1536x64xf16>) -> tensor<4x?x64xf32, #rosso.dims<"T">>
  // CHECK: rosso.attention %{{.*}}, %{{.*}}, %{{.*}} mask %{{.*}} : tensor<?x?xf32, #rosso.dims<"T", "P + T">> scale
  %1 = rosso.attention %q, %k, %k mask %m : tensor<?x?xf32, #rosso.dims<"T", "P + T">> scale 0.125 length "P + T" : (tensor<4x?x64xf32, #rosso.dims<"T">>, tensor<2x1536x64xf16>, tensor<2x1536x64xf16>) -> tensor<4x?x64xf32, #rosso.dims<"T">>
  return
}

// CHECK-LABEL: @kernel
func.func @kernel(%x: tensor<8x32xf32>, %s: tensor<16x32xf32>) {
  // CHECK: rosso.kernel "reduce_sum_8x32" reduce (%[[A:.*]] = %{{.*}} : tensor<8x32xf32>) -> tensor<8x32x!rosso.quant<q8_a>>
  // CHECK-SAME: attributes {barrier, nodes = array<i64: 7>, rows = [array<i64: 0>], slots = [#rosso.slot<scratch, index 0, offset 4096>]} {
  // CHECK-NEXT: rosso.reduce_sum %[[A]] [1] : tensor<8x32xf32> -> tensor<8x1xf32>
  %0 = rosso.kernel "reduce_sum_8x32" reduce (%a = %x : tensor<8x32xf32>) -> tensor<8x32x!rosso.quant<q8_a>>
      attributes {barrier, nodes = array<i64: 7>, rows = [array<i64: 0>], slots = [#rosso.slot<scratch, index 0, offset 4096>]} {
    %1 = rosso.reduce_sum %a [1] : tensor<8x32xf32> -> tensor<8x1xf32>
    %2 = rosso.expand %1 : tensor<8x1xf32> -> tensor<8x32xf32>
    // CHECK: rosso.quantize
    %3 = rosso.quantize %2 : tensor<8x32xf32> -> tensor<8x32x!rosso.quant<q8_a>>
    rosso.yield %3 : tensor<8x32x!rosso.quant<q8_a>>
  }
  // CHECK: rosso.kernel "two" map (%{{.*}} = %{{.*}} : tensor<16x32xf32>, %{{.*}} = %{{.*}} : tensor<8x32xf32>) -> (tensor<16x32xf32>, tensor<8x32xf32>) {
  %4:2 = rosso.kernel "two" map (%b = %s : tensor<16x32xf32>, %a = %x : tensor<8x32xf32>) -> (tensor<16x32xf32>, tensor<8x32xf32>) {
    // CHECK: rosso.update %{{.*}} into %{{.*}} ["8", "0"] : tensor<8x32xf32> into tensor<16x32xf32>
    %5 = rosso.update %a into %b ["8", "0"] : tensor<8x32xf32> into tensor<16x32xf32>
    %6 = rosso.neg %a : tensor<8x32xf32>
    rosso.yield %5, %6 : tensor<16x32xf32>, tensor<8x32xf32>
  }
  return
}
}
