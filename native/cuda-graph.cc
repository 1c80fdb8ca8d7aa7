// CUDA graphs of libtorch, in the library that is compiled where CUDA's headers lie beside it.
#include <ATen/cuda/CUDAGraph.h>

#include "graphs.h"

namespace selfsight {
namespace {

at::cuda::CUDAGraph& graphOf(void* graph) { return *static_cast<at::cuda::CUDAGraph*>(graph); }

void* begin() {
  auto graph = std::make_unique<at::cuda::CUDAGraph>();
  graph->capture_begin();
  return graph.release();
}
void end(void* graph) { graphOf(graph).capture_end(); }
void replay(void* graph) { graphOf(graph).replay(); }
void release(void* graph) { delete &graphOf(graph); }

}  // namespace
}  // namespace selfsight

extern "C" __attribute__((visibility("default"))) const selfsight::GraphPart* selfsightGraphPart() {
  using namespace selfsight;
  static const GraphPart part{begin, end, replay, release};
  return &part;
}
