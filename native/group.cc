// W processes, B bytes that name a GPU
#include <torch/version.h>

#if TORCH_VERSION_MAJOR >= 2
#include "group.h"
#include "part.h"

#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include <cstring>
#include <set>

namespace selfsight {
namespace {

constexpr size_t kMostBytes = 64;  // B

/** What every process says of its GPU, in the order of their ranks; by Gloo. */
std::vector<std::string> saidByAll(ProcessGroup& group, const std::string& own) {
  std::vector<at::Tensor> inputs{at::zeros({int64_t(kMostBytes)}, at::kByte)};
  std::memcpy(inputs[0].data_ptr(), own.data(), std::min(own.size(), kMostBytes));
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (int rank = 0; rank < group.size(); ++rank) outputs[0].push_back(at::empty_like(inputs[0]));
  group.gloo->allgather(outputs, inputs)->wait();
  std::vector<std::string> all;  // [W]
  for (const at::Tensor& said : outputs[0]) all.emplace_back(static_cast<const char*>(said.data_ptr()), kMostBytes);
  return all;
}

}  // namespace

bool chooseNccl(ProcessGroup& group, int device, const std::string& path) {
  if (group.nccl) return true;
  const NcclPart* const part = device < 0 ? nullptr : partFrom<NcclPart>(path, kGiveNcclPart);
  const std::vector<std::string> all = saidByAll(group, part ? part->identityOf(device) : "");
  const std::set<std::string> different(all.begin(), all.end());
  if (different.size() < all.size() || different.count(std::string(kMostBytes, '\0'))) return false;
  const auto own = c10::make_intrusive<c10d::PrefixStore>("nccl", group.store);
  group.nccl = part->open(own, group.rank(), group.size(), group.deadline);
  return true;
}

}  // namespace selfsight
#endif
