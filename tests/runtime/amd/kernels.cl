// Kernels of test programs, compiled by clang as they are: nothing of them comes from our own
// code generator. Arguments are Rosso's: the buffers in order, then the variables.
#define GROUP_SIZE 64
#define GLOBAL_ID                                                                                  \
  (__builtin_amdgcn_workgroup_id_x() * GROUP_SIZE + __builtin_amdgcn_workitem_id_x())
#define KERNEL __attribute__((reqd_work_group_size(GROUP_SIZE, 1, 1))) kernel void

// vars: P (unused here), T
KERNEL add(global const float *x, global const float *w, global float *sum, constant long *vars) {
  const uint i = GLOBAL_ID;
  if (i < vars[1])
    sum[i] = x[i] + w[i];
}

// total += the last element; the output repeats it.
KERNEL accumulate(global const float *sum, global float *total, global float *y,
                  constant long *vars) {
  if (GLOBAL_ID == 0) {
    *total += sum[vars[1] - 1];
    *y = *total;
  }
}

// Reverses 64 numbers through shared memory.
KERNEL reverse(global const float *x, global float *y, constant long *vars) {
  local float shared[GROUP_SIZE];
  const uint lane = __builtin_amdgcn_workitem_id_x();
  shared[lane] = x[GLOBAL_ID];
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "workgroup");
  __builtin_amdgcn_s_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "workgroup");
  y[GLOBAL_ID] = shared[GROUP_SIZE - 1 - lane];
}

// Goes through private memory, which the index keeps from becoming registers.
KERNEL permute(global const float *x, global float *y, constant long *vars) {
  volatile float mine[16];
  const uint i = GLOBAL_ID;
  for (uint k = 0; k < 16; ++k)
    mine[(k * 5 + i) % 16] = x[i] + k;
  float sum = 0;
  for (uint k = 0; k < 16; ++k)
    sum += mine[(k + vars[1]) % 16] * (k + 1);
  y[i] = sum;
}

// Never ends.
KERNEL hang(global volatile float *x, constant long *vars) {
  for (;;)
    __builtin_amdgcn_s_sleep(1);
}

// Writes far away from everything.
KERNEL stray(global float *x, constant long *vars) { x[GLOBAL_ID + 0x1000000000ul] = 1; }

// Wants relocations: the table holds addresses.
constant float one = 1, two = 2, three = 3;
constant float *constant table[3] = {&one, &two, &three};
KERNEL pick(global float *y, constant long *vars) { y[GLOBAL_ID] = *table[vars[1]]; }
