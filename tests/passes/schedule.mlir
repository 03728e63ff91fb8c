// RUN: rosso-opt %s --rosso-schedule | FileCheck %s

// The second kernel depends on nothing that is under way, the third reads the first's result, and
// the fourth overwrites what the third reads.
// CHECK-LABEL: @barriers
// CHECK:         rosso.kernel "first" {{.*}} attributes {slots
// CHECK:         rosso.kernel "second" {{.*}} attributes {slots
// CHECK:         rosso.kernel "third" {{.*}} attributes {barrier, slots
// CHECK:         rosso.kernel "fourth" {{.*}} attributes {barrier, slots
func.func @barriers(%x: tensor<16xf32>) -> tensor<16xf32> {
  %0 = rosso.kernel "first" map (%a = %x : tensor<16xf32>) -> tensor<16xf32> attributes {slots = [#rosso.slot<scratch, index 0, offset 0>]} {
    %1 = rosso.neg %a : tensor<16xf32>
    rosso.yield %1 : tensor<16xf32>
  }
  %2 = rosso.kernel "second" map (%a = %x : tensor<16xf32>) -> tensor<16xf32> attributes {slots = [#rosso.slot<scratch, index 0, offset 64>]} {
    %1 = rosso.sin %a : tensor<16xf32>
    rosso.yield %1 : tensor<16xf32>
  }
  %3 = rosso.kernel "third" map (%a = %0 : tensor<16xf32>) -> tensor<16xf32> attributes {slots = [#rosso.slot<scratch, index 0, offset 128>]} {
    %1 = rosso.sqrt %a : tensor<16xf32>
    rosso.yield %1 : tensor<16xf32>
  }
  %4 = rosso.kernel "fourth" map (%a = %x : tensor<16xf32>) -> tensor<16xf32> attributes {slots = [#rosso.slot<scratch, index 0, offset 0>]} {
    %1 = rosso.exp2 %a : tensor<16xf32>
    rosso.yield %1 : tensor<16xf32>
  }
  return %4 : tensor<16xf32>
}

// A state is memory that both kernels mean, whatever value they name it by.
// CHECK-LABEL: @read_before_update
// CHECK:         rosso.kernel "read" {{.*}} attributes {slots
// CHECK:         rosso.kernel "write" {{.*}} attributes {barrier, slots
func.func @read_before_update(%s: tensor<4x8xf32> {rosso.name = "s", rosso.space = "state"}, %x: tensor<1x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %0 = rosso.kernel "read" map (%a = %s : tensor<4x8xf32>) -> tensor<4x8xf32> attributes {slots = [#rosso.slot<output, index 0, offset 0>]} {
    %1 = rosso.neg %a : tensor<4x8xf32>
    rosso.yield %1 : tensor<4x8xf32>
  }
  %2 = rosso.kernel "write" map (%a = %s : tensor<4x8xf32>, %b = %x : tensor<1x8xf32>) -> tensor<4x8xf32> attributes {slots = [#rosso.slot<state, index 0, offset 0>]} {
    %1 = rosso.update %b into %a ["0", "0"] : tensor<1x8xf32> into tensor<4x8xf32>
    rosso.yield %1 : tensor<4x8xf32>
  }
  return %0, %2 : tensor<4x8xf32>, tensor<4x8xf32>
}
