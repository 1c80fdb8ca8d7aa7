// Work that a device was given once and does again by one command, as the library beside the addon that was compiled with CUDA's
// headers has it (cuda-graph.cc).
#pragma once

namespace selfsight {

/** Of this thread's current stream and device. What is captured is not done; what it made stays where it is, to be made again by `replay`. */
struct GraphPart {
  void* (*begin)();
  void (*end)(void* graph);
  void (*replay)(void* graph);
  void (*release)(void* graph);  // whatever its state
};
constexpr const char* kGiveGraphPart = "selfsightGraphPart";

}  // namespace selfsight
