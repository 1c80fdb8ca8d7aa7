// Plays CUDA graphs on the processor: every operator that is called while one is captured is done and written down, with the tensors that it
// was given and gave; then what they changed of older tensors is put back, as a capture does nothing. A replay calls them again in their order
// and puts what they give where it stood. So a step that hides a number from the graph (a rate, a count, a momentum) is found out: the
// replay has the number of the step that was captured.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "graphs.h"

namespace {

struct Call {
  c10::OperatorHandle op;
  torch::jit::Stack given, made;
  c10::impl::LocalDispatchKeySet keys;
};
using Place = c10::StorageImpl*;
struct Recording {
  std::vector<Call> calls;
  std::set<Place> made;
  std::map<Place, std::pair<c10::Storage, std::vector<char>>> older;  // as they were before the first operator that was given them
};

constexpr auto kKey = c10::DispatchKey::Fake;  // behind autograd, so that what it saves for the way back is written down too; nobody else has it
Recording* current = nullptr;

std::vector<at::Tensor> tensorsOf(const torch::jit::Stack& values) {
  std::vector<at::Tensor> tensors;
  for (const c10::IValue& value : values) {
    if (value.isTensor()) tensors.push_back(value.toTensor());
    if (value.isTensorList())
      for (const at::Tensor& tensor : value.toTensorVector()) tensors.push_back(tensor);
  }
  return tensors;
}

void keepOlder(const at::Tensor& tensor) {
  if (!tensor.defined()) return;
  const c10::Storage storage = tensor.storage();
  const Place place = storage.unsafeGetStorageImpl();
  if (current->made.count(place) || current->older.count(place)) return;
  const char* const bytes = static_cast<const char*>(storage.data());
  current->older.emplace(place, std::make_pair(storage, std::vector<char>(bytes, bytes + storage.nbytes())));
}

void noteMade(const at::Tensor& tensor) {
  if (!tensor.defined()) return;
  const Place place = tensor.storage().unsafeGetStorageImpl();
  if (!current->older.count(place)) current->made.insert(place);
}

void written(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const c10::impl::ExcludeDispatchKeyGuard once(kKey);
  const size_t arguments = op.schema().arguments().size(), results = op.schema().returns().size();
  Call call{op, torch::jit::Stack(stack->end() - arguments, stack->end()), {}, c10::impl::tls_local_dispatch_key_set()};
  for (const at::Tensor& tensor : tensorsOf(call.given)) keepOlder(tensor);
  op.callBoxed(stack);
  call.made.assign(stack->end() - results, stack->end());
  for (const at::Tensor& tensor : tensorsOf(call.made)) noteMade(tensor);
  current->calls.push_back(std::move(call));
}

bool isOneOf(const at::Tensor& tensor, const std::vector<at::Tensor>& others) {
  for (const at::Tensor& other : others)
    if (other.defined() && other.is_alias_of(tensor)) return true;
  return false;
}

void again(const Call& call) {
  const c10::impl::ForceDispatchKeyGuard as(call.keys);
  torch::jit::Stack stack = call.given;
  call.op.callBoxed(&stack);
  const std::vector<at::Tensor> given = tensorsOf(call.given), before = tensorsOf(call.made), now = tensorsOf(stack);
  for (size_t i = 0; i < before.size(); ++i)
    if (before[i].defined() && !isOneOf(before[i], given)) before[i].copy_(now[i]);
}

void* begin() {
  current = new Recording();
  c10::impl::tls_set_dispatch_key_included(kKey, true);
  return current;
}
void end(void*) {
  c10::impl::tls_set_dispatch_key_included(kKey, false);
  for (const auto& [_, kept] : current->older) std::memcpy(kept.first.mutable_data(), kept.second.data(), kept.second.size());
  current->older.clear();
  current = nullptr;
}
void replay(void* graph) {
  const at::NoGradGuard noGradients;
  for (const Call& call : static_cast<Recording*>(graph)->calls) again(call);
  at::autocast::clear_cache();
}
void release(void* graph) { delete static_cast<Recording*>(graph); }

TORCH_LIBRARY_IMPL(_, Fake, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&written>()); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const selfsight::GraphPart* selfsightGraphPart() {
  static const selfsight::GraphPart part{begin, end, replay, release};
  return &part;
}
