// Host kernels of the test programs. The form is that of runtime/program/Program.h.
#include <stdint.h>

// out[i] = in[i] + weight[i], 4 elements an item
void add4(void *const *buffers, const int64_t *vars, int64_t begin, int64_t end) {
  const float *in = buffers[0], *weight = buffers[1];
  float *out = buffers[2];
  for (int64_t i = 4 * begin; i < 4 * end && i < vars[0]; ++i)
    out[i] = in[i] + weight[i];
}

// state[0] += in[T - 1]; out[0] = state[0]
void accumulate(void *const *buffers, const int64_t *vars, int64_t begin, int64_t end) {
  const float *in = buffers[0];
  float *state = buffers[1], *out = buffers[2];
  for (int64_t i = begin; i < end; ++i)
    out[0] = state[0] += in[vars[0] - 1];
}

// out[i] = the address of this thread's scratch, which it fills and checks
void scratch(void *const *buffers, const int64_t *vars, int64_t begin, int64_t end) {
  int64_t *out = buffers[0];
  volatile int64_t *mine = buffers[1];
  (void)vars;
  for (int64_t i = begin; i < end; ++i) {
    for (int64_t k = 0; k < 64; ++k)
      mine[k] = i;
    int64_t same = 1;
    for (int64_t k = 0; k < 64; ++k)
      same &= mine[k] == i;
    out[i] = same ? (int64_t)(uintptr_t)mine : -1;
  }
}
