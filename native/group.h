// Processes that compute as one, and the ways on which their tensors travel: Gloo for those in host memory and, where nccl.cc was
// compiled and each process has a GPU of its own, NCCL for those on a GPU. Every call is made by all processes in one order.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <string>

namespace selfsight {

using StorePointer = c10::intrusive_ptr<c10d::Store>;
using BackendPointer = c10::intrusive_ptr<c10d::Backend>;

struct ProcessGroup : torch::CustomClassHolder {
  StorePointer store;
  std::chrono::milliseconds deadline;  // of each call
  BackendPointer gloo, nccl;           // nccl: null until chooseNccl

  ProcessGroup(StorePointer store, std::chrono::milliseconds deadline, BackendPointer gloo)
      : store(std::move(store)), deadline(deadline), gloo(std::move(gloo)) {}

  int rank() const { return gloo->getRank(); }
  int size() const { return gloo->getSize(); }

  /** The device on which values of a tensor travel: its own by NCCL, else the CPU. */
  at::Device wayOf(const at::Tensor& tensor) const { return nccl && tensor.is_cuda() ? tensor.device() : at::Device(at::kCPU); }
  c10d::Backend& backendOf(const at::Tensor& travelling) const { return nccl && travelling.is_cuda() ? *nccl : *gloo; }
};
using Group = c10::intrusive_ptr<ProcessGroup>;

/** What nccl.cc, a library of its own, gives to the addon. */
struct NcclPart {
  std::string (*identityOf)(int device);  // of a GPU; no two have the same
  BackendPointer (*open)(const StorePointer& store, int rank, int size, std::chrono::milliseconds deadline);
};
constexpr const char* kGiveNcclPart = "selfsightNcclPart";

/**
 * Opens NCCL where every process names a GPU that no other one has. `device`: this process's, negative for the CPU. `part`: the
 * library's path; empty where there is none. Returns whether GPUs' tensors travel by NCCL from now on.
 */
bool chooseNccl(ProcessGroup& group, int device, const std::string& part);

}  // namespace selfsight
