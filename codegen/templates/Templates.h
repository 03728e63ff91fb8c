// The loop structures. Each writes the body of a kernel's function at the builder's insertion
// point, over the work items [begin, end), and tells the context the grid they come from.
#pragma once

#include "codegen/Kernel.h"

namespace rosso {

void emitMap(Emit &e, KernelContext &kernel);
void emitReduce(Emit &e, KernelContext &kernel);
void emitContraction(Emit &e, KernelContext &kernel); // matvec and matmul: one of the next three
void emitTileContraction(Emit &e, KernelContext &kernel);
void emitBlockContraction(Emit &e, KernelContext &kernel);
void emitDenseContraction(Emit &e, KernelContext &kernel);
void emitAttention(Emit &e, KernelContext &kernel); // one of the next two
void emitAttentionTile(Emit &e, KernelContext &kernel);
void emitAttentionRow(Emit &e, KernelContext &kernel);
void emitTopK(Emit &e, KernelContext &kernel);
void emitScan(Emit &e, KernelContext &kernel);
void emitScatter(Emit &e, KernelContext &kernel);

// The same for the lanes of a GPU: a work group computes the work item its number says.
void emitLaneMap(Emit &e, KernelContext &kernel);
void emitLaneReduce(Emit &e, KernelContext &kernel);
void emitLaneContraction(Emit &e, KernelContext &kernel); // one of the next
void emitLaneTileContraction(Emit &e, KernelContext &kernel);
void emitLaneMatrixContraction(Emit &e, KernelContext &kernel); // where fitsMatrices says so
void emitLaneDenseContraction(Emit &e, KernelContext &kernel);
void emitLaneAttention(Emit &e, KernelContext &kernel);
void emitLaneTopK(Emit &e, KernelContext &kernel);
void emitLaneScan(Emit &e, KernelContext &kernel);
void emitLaneScatter(Emit &e, KernelContext &kernel);

/// Bytes of memory that a kernel for a GPU needs besides its buffers: its workspace. All zero at
/// the start of a program, and shared by all kernels, of which no two that have one run at a time.
int64_t laneWorkspaceBytes(const KernelContext &kernel);
int64_t laneAttentionWorkspace(const KernelContext &kernel);

/// Whether a contraction of weights in tiles is one for matrix instructions: of many tokens in
/// int8, on a chip that has them.
bool fitsMatrices(KernelContext &kernel);

} // namespace rosso
