// RUN: rosso-opt %s --rosso-plan-memory | FileCheck %s

// In a chain of four, the third buffer takes the place of the first; two buffers of 512 * 8 * 4
// bytes are all it needs. T counts with its largest value.
// CHECK: rosso.scratch_bytes = 32768
module attributes {rosso.vars = {T = [1, 512]}} {
// CHECK-LABEL: @chain
// CHECK:         "a" {{.*}}slots = [#rosso.slot<scratch, index 0, offset 0>]
// CHECK:         "b" {{.*}}slots = [#rosso.slot<scratch, index 0, offset 16384>]
// CHECK:         "c" {{.*}}slots = [#rosso.slot<scratch, index 0, offset 0>]
// CHECK:         "d" {{.*}}slots = [#rosso.slot<output, index 0, offset 0>]
func.func @chain(%x: tensor<?x8xf32, #rosso.dims<"T">>) -> tensor<?x8xf32, #rosso.dims<"T">> {
  %0 = rosso.kernel "a" map (%i = %x : tensor<?x8xf32, #rosso.dims<"T">>) -> tensor<?x8xf32, #rosso.dims<"T">> {
    %4 = rosso.neg %i : tensor<?x8xf32, #rosso.dims<"T">>
    rosso.yield %4 : tensor<?x8xf32, #rosso.dims<"T">>
  }
  %1 = rosso.kernel "b" map (%i = %0 : tensor<?x8xf32, #rosso.dims<"T">>) -> tensor<?x8xf32, #rosso.dims<"T">> {
    %4 = rosso.sin %i : tensor<?x8xf32, #rosso.dims<"T">>
    rosso.yield %4 : tensor<?x8xf32, #rosso.dims<"T">>
  }
  %2 = rosso.kernel "c" map (%i = %1 : tensor<?x8xf32, #rosso.dims<"T">>) -> tensor<?x8xf32, #rosso.dims<"T">> {
    %4 = rosso.sqrt %i : tensor<?x8xf32, #rosso.dims<"T">>
    rosso.yield %4 : tensor<?x8xf32, #rosso.dims<"T">>
  }
  %3 = rosso.kernel "d" map (%i = %2 : tensor<?x8xf32, #rosso.dims<"T">>) -> tensor<?x8xf32, #rosso.dims<"T">> {
    %4 = rosso.exp2 %i : tensor<?x8xf32, #rosso.dims<"T">>
    rosso.yield %4 : tensor<?x8xf32, #rosso.dims<"T">>
  }
  return %3 : tensor<?x8xf32, #rosso.dims<"T">>
}

// What is read late keeps its place: "c" may not lie on "a". 96 activations in int8 are 144 bytes,
// and the next place is a multiple of 64.
// CHECK-LABEL: @late_reader
// CHECK:         "a" {{.*}}slots = [#rosso.slot<scratch, index 0, offset 384>]
// CHECK:         "b" {{.*}}slots = [#rosso.slot<scratch, index 0, offset 576>]
// CHECK:         "c" {{.*}}slots = [#rosso.slot<scratch, index 0, offset 0>]
func.func @late_reader(%x: tensor<96xf32>) -> tensor<96x!rosso.quant<q8_a>> {
  %0 = rosso.kernel "a" map (%i = %x : tensor<96xf32>) -> tensor<96x!rosso.quant<q8_a>> {
    %4 = rosso.quantize %i : tensor<96xf32> -> tensor<96x!rosso.quant<q8_a>>
    rosso.yield %4 : tensor<96x!rosso.quant<q8_a>>
  }
  %1 = rosso.kernel "b" map (%i = %x : tensor<96xf32>) -> tensor<96x!rosso.quant<q8_a>> {
    %4 = rosso.quantize %i : tensor<96xf32> -> tensor<96x!rosso.quant<q8_a>>
    rosso.yield %4 : tensor<96x!rosso.quant<q8_a>>
  }
  %2 = rosso.kernel "c" map (%i = %1 : tensor<96x!rosso.quant<q8_a>>) -> tensor<96xf32> {
    %4 = rosso.dequant %i : tensor<96x!rosso.quant<q8_a>> -> tensor<96xf32>
    rosso.yield %4 : tensor<96xf32>
  }
  %3 = rosso.kernel "d" map (%i = %2 : tensor<96xf32>, %j = %0 : tensor<96x!rosso.quant<q8_a>>) -> tensor<96x!rosso.quant<q8_a>> {
    %5 = rosso.dequant %j : tensor<96x!rosso.quant<q8_a>> -> tensor<96xf32>
    %6 = rosso.add %i, %5 : tensor<96xf32>
    %4 = rosso.quantize %6 : tensor<96xf32> -> tensor<96x!rosso.quant<q8_a>>
    rosso.yield %4 : tensor<96x!rosso.quant<q8_a>>
  }
  return %3 : tensor<96x!rosso.quant<q8_a>>
}

// An update lies in its state, and so does an update of that update. What contractions read by
// rows gets the tile layout, the bias does not.
// CHECK-LABEL: @states_and_weights
// CHECK-SAME:    rosso.layout = "tile16", rosso.name = "w"
// CHECK-SAME:    rosso.layout = "rows", rosso.name = "b"
// CHECK:         "first" {{.*}}slots = [#rosso.slot<state, index 2, offset 0>]
// CHECK:         "second" {{.*}}slots = [#rosso.slot<state, index 2, offset 0>]
func.func @states_and_weights(%w: tensor<8x32xf16> {rosso.name = "w", rosso.space = "weight"}, %b: tensor<8xf32> {rosso.name = "b", rosso.space = "weight"},
                              %s: tensor<4x8xf32> {rosso.name = "s", rosso.space = "state"}, %x: tensor<1x32xf32>) -> tensor<4x8xf32> {
  %0 = rosso.kernel "linear" matvec (%i = %x : tensor<1x32xf32>, %j = %w : tensor<8x32xf16>, %k = %b : tensor<8xf32>) -> tensor<1x8xf32> {
    %3 = rosso.linear %i, %j : (tensor<1x32xf32>, tensor<8x32xf16>) -> tensor<1x8xf32>
    %4 = rosso.reshape %k : tensor<8xf32> -> tensor<1x8xf32>
    %5 = rosso.add %3, %4 : tensor<1x8xf32>
    rosso.yield %5 : tensor<1x8xf32>
  }
  %1 = rosso.kernel "first" map (%i = %s : tensor<4x8xf32>, %j = %0 : tensor<1x8xf32>) -> tensor<4x8xf32> {
    %3 = rosso.update %j into %i ["0", "0"] : tensor<1x8xf32> into tensor<4x8xf32>
    rosso.yield %3 : tensor<4x8xf32>
  }
  %2 = rosso.kernel "second" map (%i = %1 : tensor<4x8xf32>, %j = %0 : tensor<1x8xf32>) -> tensor<4x8xf32> {
    %3 = rosso.update %j into %i ["1", "0"] : tensor<1x8xf32> into tensor<4x8xf32>
    rosso.yield %3 : tensor<4x8xf32>
  }
  return %2 : tensor<4x8xf32>
}

// A matrix that is multiplied by itself is read in rows once, so it lies in rows.
// CHECK-LABEL: @by_itself
// CHECK-SAME:    rosso.layout = "rows", rosso.name = "a"
func.func @by_itself(%a: tensor<8x32xf16> {rosso.name = "a", rosso.space = "weight"}) -> tensor<8x8xf32> {
  %0 = rosso.kernel "linear" matmul (%i = %a : tensor<8x32xf16>) -> tensor<8x8xf32> {
    %1 = rosso.linear %i, %i : (tensor<8x32xf16>, tensor<8x32xf16>) -> tensor<8x8xf32>
    rosso.yield %1 : tensor<8x8xf32>
  }
  return %0 : tensor<8x8xf32>
}

// A weight that its caller lends stays as it lies there.
// CHECK-LABEL: @lent
// CHECK-SAME:    rosso.layout = "rows", rosso.name = "lent"
func.func @lent(%x: tensor<1x32xf32> {rosso.name = "x", rosso.space = "input"},
                %w: tensor<16x32xf32> {rosso.layout = "rows", rosso.name = "lent", rosso.space = "weight"})
    -> tensor<1x16xf32> {
  %y = rosso.kernel "linear" matvec (%a = %x : tensor<1x32xf32>, %b = %w : tensor<16x32xf32>) -> tensor<1x16xf32> {
    %0 = rosso.linear %a, %b : (tensor<1x32xf32>, tensor<16x32xf32>) -> tensor<1x16xf32>
    rosso.yield %0 : tensor<1x16xf32>
  }
  return %y : tensor<1x16xf32>
}
}
