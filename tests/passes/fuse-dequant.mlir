// RUN: rosso-opt %s --rosso-fuse-dequant --split-input-file --verify-diagnostics | FileCheck %s

// The weight stays packed: linear reads the blocks.
// CHECK-LABEL: @linear_reads_blocks
// CHECK-SAME:    %[[X:.*]]: tensor<1x256xf32>, %[[Q:.*]]: tensor<512x256x!rosso.quant<q4_k>>
// CHECK-NOT:     rosso.dequant
// CHECK:         rosso.linear %[[X]], %[[Q]] {rosso.node = 5 : i64}
func.func @linear_reads_blocks(%x: tensor<1x256xf32>, %q: tensor<512x256x!rosso.quant<q4_k>>) -> tensor<1x512xf32> {
  %w = rosso.dequant %q : tensor<512x256x!rosso.quant<q4_k>> -> tensor<512x256xf32>
  %y = rosso.linear %x, %w {rosso.node = 5 : i64} : (tensor<1x256xf32>, tensor<512x256xf32>) -> tensor<1x512xf32>
  return %y : tensor<1x512xf32>
}

// -----

// Embedding rows and the tied output weight read the same blocks.
// CHECK-LABEL: @gather_reads_blocks
// CHECK-SAME:    %[[Q:.*]]: tensor<512x256x!rosso.quant<q6_k>>
// CHECK-NOT:     rosso.dequant
// CHECK:         rosso.gather %[[Q]], %{{.*}} -> tensor<3x256xf32>
// CHECK:         rosso.linear %{{.*}}, %[[Q]]
func.func @gather_reads_blocks(%q: tensor<512x256x!rosso.quant<q6_k>>, %i: tensor<3xi32>) -> tensor<3x512xf32> {
  %w = rosso.dequant %q : tensor<512x256x!rosso.quant<q6_k>> -> tensor<512x256xf32>
  %x = rosso.gather %w, %i : (tensor<512x256xf32>, tensor<3xi32>) -> tensor<3x256xf32>
  %y = rosso.linear %x, %w : (tensor<3x256xf32>, tensor<512x256xf32>) -> tensor<3x512xf32>
  return %y : tensor<3x512xf32>
}

// -----

// A f16 weight is not widened in memory either.
// CHECK-LABEL: @halves_stay_halves
// CHECK-SAME:    %[[W:.*]]: tensor<512x256xf16>
// CHECK:         %[[R:.*]] = rosso.gather %[[W]]
// CHECK:         rosso.cast %[[R]] : tensor<3x256xf16> -> tensor<3x256xf32>
// CHECK:         rosso.linear %{{.*}}, %[[W]]
func.func @halves_stay_halves(%h: tensor<512x256xf16>, %i: tensor<3xi32>) -> tensor<3x512xf32> {
  %w = rosso.cast %h : tensor<512x256xf16> -> tensor<512x256xf32>
  %x = rosso.gather %w, %i : (tensor<512x256xf32>, tensor<3xi32>) -> tensor<3x256xf32>
  %y = rosso.linear %x, %w : (tensor<3x256xf32>, tensor<512x256xf32>) -> tensor<3x512xf32>
  return %y : tensor<3x512xf32>
}

// -----

// q @ x reads the blocks as well: it is the transposed product.
// CHECK-LABEL: @blocks_on_the_left
// CHECK-SAME:    (%[[Q:.*]]: tensor<512x256x!rosso.quant<q8_0>>, %[[X:.*]]: tensor<256x3xf32>)
// CHECK:         %[[ROWS:.*]] = rosso.permute %[[X]] [1, 0]
// CHECK:         %[[Y:.*]] = rosso.linear %[[ROWS]], %[[Q]]
// CHECK:         rosso.permute %[[Y]] [1, 0]
func.func @blocks_on_the_left(%q: tensor<512x256x!rosso.quant<q8_0>>, %x: tensor<256x3xf32>) -> tensor<512x3xf32> {
  %w = rosso.dequant %q : tensor<512x256x!rosso.quant<q8_0>> -> tensor<512x256xf32>
  %y = rosso.matmul %w, %x : (tensor<512x256xf32>, tensor<256x3xf32>) -> tensor<512x3xf32>
  return %y : tensor<512x3xf32>
}

// -----

// x @ w.T is linear, also where w is repeated over a batch.
// CHECK-LABEL: @transposed_weight
// CHECK-SAME:    %[[X:.*]]: tensor<7x256xf32>, %[[B:.*]]: tensor<2x7x256xf32>, %[[Q:.*]]: tensor<512x256x!rosso.quant<q4_k>>
// CHECK:         rosso.linear %[[X]], %[[Q]]
// CHECK:         rosso.linear %[[B]], %[[Q]]
func.func @transposed_weight(%x: tensor<7x256xf32>, %b: tensor<2x7x256xf32>, %q: tensor<512x256x!rosso.quant<q4_k>>) -> (tensor<7x512xf32>, tensor<2x7x512xf32>) {
  %w = rosso.dequant %q : tensor<512x256x!rosso.quant<q4_k>> -> tensor<512x256xf32>
  %t = rosso.permute %w [1, 0] : tensor<512x256xf32> -> tensor<256x512xf32>
  %y = rosso.matmul %x, %t : (tensor<7x256xf32>, tensor<256x512xf32>) -> tensor<7x512xf32>
  %r = rosso.reshape %t : tensor<256x512xf32> -> tensor<1x256x512xf32>
  %e = rosso.expand %r : tensor<1x256x512xf32> -> tensor<2x256x512xf32>
  %z = rosso.matmul %b, %e : (tensor<2x7x256xf32>, tensor<2x256x512xf32>) -> tensor<2x7x512xf32>
  return %y, %z : tensor<7x512xf32>, tensor<2x7x512xf32>
}

// -----

// 512 * 256 floats of 4 bytes are 524288 bytes that nobody asked for.
func.func @expanded_weight(%q: tensor<512x256x!rosso.quant<q4_k>> {rosso.name = "blk.0.ffn_up.weight", rosso.space = "weight"}) -> tensor<512x256xf32> {
  // expected-error @+1 {{weight 'blk.0.ffn_up.weight' (q4_k) would be expanded to f32 in memory (524288 bytes); consume it by linear or gather, or ask for it by materialize()}}
  %w = rosso.dequant %q : tensor<512x256x!rosso.quant<q4_k>> -> tensor<512x256xf32>
  %0 = rosso.neg %w : tensor<512x256xf32>
  return %0 : tensor<512x256xf32>
}

// -----

// Multiplied from the wrong side, the weight would be read by columns.
func.func @untransposed_weight(%x: tensor<1x512xf32>, %q: tensor<512x256x!rosso.quant<q4_k>> {rosso.name = "w", rosso.space = "weight"}) -> tensor<1x256xf32> {
  // expected-error @+1 {{weight 'w' (q4_k) would be expanded}}
  %w = rosso.dequant %q : tensor<512x256x!rosso.quant<q4_k>> -> tensor<512x256xf32>
  %y = rosso.matmul %x, %w : (tensor<1x512xf32>, tensor<512x256xf32>) -> tensor<1x256xf32>
  return %y : tensor<1x256xf32>
}

// -----

// Asked for, it stays; so does that of a state, which its reader takes in.
// CHECK-LABEL: @asked_for
// CHECK-COUNT-2: rosso.dequant
func.func @asked_for(%q: tensor<512x256x!rosso.quant<q4_k>> {rosso.name = "w", rosso.space = "weight"},
                     %s: tensor<2x64x!rosso.quant<q8_0>> {rosso.name = "k", rosso.space = "state"}) -> (tensor<512x256xf32>, tensor<2x64xf32>) {
  %w = rosso.dequant %q {materialize = 1 : i64} : tensor<512x256x!rosso.quant<q4_k>> -> tensor<512x256xf32>
  %k = rosso.dequant %s : tensor<2x64x!rosso.quant<q8_0>> -> tensor<2x64xf32>
  return %w, %k : tensor<512x256xf32>, tensor<2x64xf32>
}
