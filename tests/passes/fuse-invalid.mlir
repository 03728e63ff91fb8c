// RUN: rosso-opt %s --rosso-fuse --verify-diagnostics

// The update waits for a reader of the old value, which waits for the update.
func.func @old_value_after_update(%s: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32> {rosso.name = "state:s"}) {
  %0 = rosso.neg %s : tensor<4xf32>
  // expected-error @+1 {{the state's old value is needed after this update; read the update's result}}
  %1 = rosso.update %0 into %s ["0"] : tensor<4xf32> into tensor<4xf32>
  %2 = rosso.permute %1 [0] : tensor<4xf32> -> tensor<4xf32>
  %3 = rosso.add %2, %s : tensor<4xf32>
  return %3, %1 : tensor<4xf32>, tensor<4xf32>
}
