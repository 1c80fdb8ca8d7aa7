// A library of its own beside the addon, compiled where CUDA's headers lie beside libtorch and opened where several processes have a
// GPU each: c10d's NCCL. All that is called of CUDA and NCCL is libtorch's.
#define USE_C10D_NCCL
#include <ATen/cuda/CUDAContext.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <cstdlib>

#include "group.h"

namespace selfsight {
namespace {

std::string identityOf(int device) {
  const auto& uuid = at::cuda::getDeviceProperties(c10::DeviceIndex(device))->uuid;
  return "GPU " + std::string(uuid.bytes, sizeof uuid.bytes);
}

BackendPointer open(const StorePointer& store, int rank, int size, std::chrono::milliseconds deadline) {
  setenv("TORCH_NCCL_BLOCKING_WAIT", "1", 0);  // a lost process becomes an error of the call; else c10d ends this process without a word
  const auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = deadline;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options);
}

}  // namespace
}  // namespace selfsight

extern "C" __attribute__((visibility("default"))) const selfsight::NcclPart* selfsightNcclPart() {
  static const selfsight::NcclPart part{selfsight::identityOf, selfsight::open};
  return &part;
}
