// distributed.cc: several processes as one, through c10d's store, its Gloo and, for GPUs, its NCCL (group.h). Every call here is made by all processes in one order.
// W processes, N rows of all of them together, C features, G groups of batch norm
#include "distributed.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <numeric>
#include <thread>

#ifdef USE_C10D_GLOO
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace selfsight {

std::vector<at::Tensor> placesIn(const at::Tensor& row, const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> places;
  int64_t start = 0;
  for (const at::Tensor& tensor : tensors) {
    const at::Tensor place = row.narrow(0, start, tensor.numel());
    const auto size = [&](int64_t dim) { return tensor.size(dim); };
    places.push_back(tensor.dim() == 4 ? place.view({size(0), size(2), size(3), size(1)}).permute({0, 3, 1, 2}) : place.view(tensor.sizes()));
    start += tensor.numel();
  }
  return places;
}

namespace {

using std::chrono::milliseconds;

std::string textFrom(const Napi::Value& value) { return value.ToString(); }
milliseconds timeFrom(const Napi::Value& value) { return milliseconds(value.ToNumber().Int64Value()); }

/** Where processes find each other. Once it has not answered it is not asked again. */
struct MeetingPlace {
  StorePointer store;
  bool isSilent = false;
};
using MeetingPointer = std::shared_ptr<MeetingPlace>;

/** An answer may come this much later than it was due, from a machine that has much to do. */
constexpr milliseconds grace{5000};

/** What `ask` gives by the deadline. The store waits for ever behind a network that was cut: the thread that asked is then left behind. */
template <typename Answer>
Answer answerOf(MeetingPlace& place, milliseconds deadline, std::function<Answer(const StorePointer&)> ask) {
  if (place.isSilent) throw std::runtime_error("the store does not answer");
  const auto answer = std::make_shared<std::promise<Answer>>();
  std::thread([answer, ask = std::move(ask), store = place.store] {
    try {
      answer->set_value(ask(store));
    } catch (...) {
      answer->set_exception(std::current_exception());
    }
  }).detach();
  std::future<Answer> coming = answer->get_future();
  if (coming.wait_for(deadline + grace) == std::future_status::ready) return coming.get();
  place.isSilent = true;
  throw std::runtime_error("the store timed out");
}

/** openStore(host, port, keepsIt, milliseconds) → the place where processes find each other; one of them keeps it. */
Napi::Value openStore(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    c10::initLogging();  // TORCH_CPP_LOG_LEVEL: what c10d would warn of, with its stack, is said in sentences
    c10d::TCPStoreOptions options;
    options.port = uint16_t(info[1].ToNumber().Uint32Value());
    options.isServer = bool(info[2].ToBoolean());
    options.waitWorkers = false;
    options.timeout = timeFrom(info[3]);
    const StorePointer store(c10::make_intrusive<c10d::TCPStore>(textFrom(info[0]), options));
    return boxed(info.Env(), std::make_shared<MeetingPlace>(MeetingPlace{store}));
  });
}

/** storeSet(store, key, text, milliseconds) */
Napi::Value storeSet(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const std::string key = textFrom(info[1]), text = textFrom(info[2]);
    answerOf<bool>(*unboxed<MeetingPointer>(info[0]), timeFrom(info[3]), [key, text](const StorePointer& store) {
      store->set(key, std::vector<uint8_t>(text.begin(), text.end()));
      return true;
    });
    return info.Env().Undefined();
  });
}

/** storeGet(store, key, milliseconds) → text; waits for it. */
Napi::Value storeGet(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const std::string key = textFrom(info[1]);
    const milliseconds deadline = timeFrom(info[2]);
    const auto ask = [key, deadline](const StorePointer& store) {
      store->wait({key}, deadline);
      const std::vector<uint8_t> bytes = store->get(key);
      return std::string(bytes.begin(), bytes.end());
    };
    return Napi::String::New(info.Env(), answerOf<std::string>(*unboxed<MeetingPointer>(info[0]), deadline, ask));
  });
}

/** storeAdd(store, key, amount, milliseconds) → the sum of all that was added under the key, this amount included. */
Napi::Value storeAdd(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const std::string key = textFrom(info[1]);
    const int64_t amount = info[2].ToNumber().Int64Value();
    const auto ask = [key, amount](const StorePointer& store) { return store->add(key, amount); };
    return Napi::Number::New(info.Env(), double(answerOf<int64_t>(*unboxed<MeetingPointer>(info[0]), timeFrom(info[3]), ask)));
  });
}

/** Whether signs of life are still to be given. */
struct Pulse {
  std::mutex mutex;
  std::condition_variable changed;
  bool isOver = false;
};
using PulsePointer = std::shared_ptr<Pulse>;

/** startPulse(store, key, milliseconds) → pulse: the key counts up for as long as this process runs, however long a call holds its main thread. */
Napi::Value startPulse(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const auto pulse = std::make_shared<Pulse>();
    std::thread([pulse, store = unboxed<MeetingPointer>(info[0])->store, key = textFrom(info[1]), every = timeFrom(info[2])] {
      try {
        std::unique_lock<std::mutex> lock(pulse->mutex);
        do {
          lock.unlock();
          store->add(key, 1);
          lock.lock();
        } while (!pulse->changed.wait_for(lock, every, [&] { return pulse->isOver; }));
      } catch (...) {
      }  // the store is gone: whoever needs it finds out
    }).detach();
    return boxed(info.Env(), pulse);
  });
}

/** stopPulse(pulse) */
Napi::Value stopPulse(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const PulsePointer pulse = unboxed<PulsePointer>(info[0]);
    {
      const std::lock_guard<std::mutex> lock(pulse->mutex);
      pulse->isOver = true;
    }
    pulse->changed.notify_all();
    return info.Env().Undefined();
  });
}

/** openGroup(store, prefix, rank, size, address, networkInterface, milliseconds) → group. An address or an interface may be empty. */
Napi::Value openGroup(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const std::string prefix = textFrom(info[1]), address = textFrom(info[4]), interface = textFrom(info[5]);
    const int rank = info[2].ToNumber().Int32Value(), size = info[3].ToNumber().Int32Value();
    const milliseconds deadline = timeFrom(info[6]);
    const auto options = c10d::ProcessGroupGloo::Options::create(deadline);
    options->devices.push_back(!interface.empty() ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                               : !address.empty() ? c10d::ProcessGroupGloo::createDeviceForHostname(address)
                                                  : c10d::ProcessGroupGloo::createDefaultDevice());
    const auto open = [=](const StorePointer& store) {
      const auto own = c10::make_intrusive<c10d::PrefixStore>(prefix, store);
      const auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(own, rank, size, options);
      return Group(c10::make_intrusive<ProcessGroup>(own, deadline, gloo));
    };
    return boxed(info.Env(), answerOf<Group>(*unboxed<MeetingPointer>(info[0]), deadline, open));
  });
}

/** openNccl(group, device | -1, path of the library | "") → whether tensors on a GPU travel by NCCL from now on. */
Napi::Value openNccl(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    const int device = info[1].ToNumber().Int32Value();
    return Napi::Boolean::New(info.Env(), chooseNccl(*unboxed<Group>(info[0]), device, textFrom(info[2])));
  });
}

/** leaveGroup(group): its connections close. */
Napi::Value leaveGroup(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    unboxed<Group>(info[0]).reset();
    return info.Env().Undefined();
  });
}

/** What every process gave, of one shape: [W][...] on the device where it travelled. */
std::vector<at::Tensor> gathered(const Group& group, const at::Tensor& own) {
  std::vector<at::Tensor> inputs{own.to(group->wayOf(own)).contiguous()};
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (int rank = 0; rank < group->size(); ++rank) outputs[0].push_back(at::empty_like(inputs[0]));
  group->backendOf(inputs[0]).allgather(outputs, inputs)->wait();
  return outputs[0];
}

void sumInPlace(const Group& group, at::Tensor tensor) {
  std::vector<at::Tensor> tensors{tensor};
  group->backendOf(tensor).allreduce(tensors)->wait();
}

/** The rows of all processes in the order of their ranks; ranks hold `counts` rows. Padded to the longest: equal shapes are gathered. */
at::Tensor rowsOfAll(const Group& group, const at::Tensor& own, const std::vector<int64_t>& counts) {
  std::vector<int64_t> shape = own.sizes().vec();
  shape[0] = *std::max_element(counts.begin(), counts.end());
  at::Tensor padded = at::zeros(shape, own.options().device(group->wayOf(own)));
  padded.narrow(0, 0, own.size(0)).copy_(own);
  std::vector<at::Tensor> parts = gathered(group, padded.view({-1}).view(at::kByte));
  for (size_t rank = 0; rank < parts.size(); ++rank)
    parts[rank] = parts[rank].view(own.scalar_type()).view(shape).narrow(0, 0, counts[rank]);
  return at::cat(parts).to(own.device());  // [N, ...]
}

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/**
 * Every process computes the loss of all rows, so dL/d(all rows) is known to each of them whole, and each takes back the gradient of its
 * own rows. Nothing is summed.
 */
struct GatherRows : torch::autograd::Function<GatherRows> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& own, Group group, std::vector<int64_t> counts) {
    const auto rank = counts.begin() + group->rank();
    context->saved_data["start"] = std::accumulate(counts.begin(), rank, int64_t(0));
    context->saved_data["count"] = *rank;
    return rowsOfAll(group, own, counts);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto start = context->saved_data["start"].toInt(), count = context->saved_data["count"].toInt();
    return {gradients[0].narrow(0, start, count), at::Tensor(), at::Tensor()};
  }
};

/** gatherRows(group, tensor, countOfEachRank) → handle of [N, ...] */
Napi::Value gatherRows(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const at::Tensor all = GatherRows::apply(tensorFrom(session, info[1]), unboxed<Group>(info[0]), sizesFrom(info[2]));
    return Napi::Number::New(info.Env(), session.slots.put(all));
  });
}

/** Each of the tensors changed by `change`, which sees them as one row of float32 where it travels: one message for all. */
template <typename Change>
void asOneRow(const Session& session, const Group& group, const Napi::Value& handles, Change change) {
  at::NoGradGuard withoutGradients;
  std::vector<at::Tensor> tensors;
  for (const double handle : handlesFrom(handles)) tensors.push_back(session.slots.get(handle));
  const int64_t length = std::accumulate(tensors.begin(), tensors.end(), int64_t(0), [](int64_t sum, const at::Tensor& tensor) { return sum + tensor.numel(); });
  if (length == 0) return;
  at::Tensor row = at::empty({length}, at::TensorOptions(at::kFloat).device(group->wayOf(tensors[0])));
  std::vector<at::Tensor> places = placesIn(row, tensors);
  for (size_t i = 0; i < tensors.size(); ++i) places[i].copy_(tensors[i]);
  change(row);
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].copy_(places[i]);
}

/** sumTensors(group, handles): each becomes the sum over the processes. */
Napi::Value sumTensors(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const Group& group = unboxed<Group>(info[0]);
    asOneRow(session, group, info[1], [&](at::Tensor& row) { sumInPlace(group, row); });
    return info.Env().Undefined();
  });
}

/** takeTensor(group, handle, rank): the contents that process `rank` has, of any type. */
Napi::Value takeTensor(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    at::NoGradGuard withoutGradients;
    at::Tensor tensor = tensorFrom(session, info[1]);
    const Group& group = unboxed<Group>(info[0]);
    at::Tensor values = tensor.detach().to(group->wayOf(tensor)).contiguous();
    std::vector<at::Tensor> bytes{values.view({-1}).view(at::kByte)};
    c10d::BroadcastOptions options;
    options.rootRank = info[2].ToNumber().Int32Value();
    group->backendOf(values).broadcast(bytes, options)->wait();
    tensor.copy_(values);
    return info.Env().Undefined();
  });
}

/** What batch norm knows of one of its groups over all processes. */
struct Statistics {
  at::Tensor count;     // values of a feature, float64
  at::Tensor mean;      // [C] float64
  at::Tensor variance;  // [C] float64, biased
};

/** Means and variances of parts come together as Chan, Golub and LeVeque (1979) have it, in float64. */
std::vector<Statistics> statisticsOf(const Group& group, const std::vector<at::Tensor>& parts) {
  const int64_t features = parts[0].size(1);
  const auto onItsWay = at::TensorOptions().dtype(at::kDouble).device(group->wayOf(parts[0]));
  at::Tensor own = at::zeros({int64_t(parts.size()), 1 + 2 * features}, onItsWay);  // count, mean, variance
  for (size_t g = 0; g < parts.size(); ++g) {
    if (parts[g].size(0) == 0) continue;
    const auto scratch = parts[g].options().dtype(at::kFloat);
    const auto [mean, variance] =
        at::batch_norm_update_stats(parts[g], at::zeros({features}, scratch), at::ones({features}, scratch), 0);
    own[g][0].fill_(double(parts[g].numel() / features));
    own[g].narrow(0, 1, features).copy_(mean);
    own[g].narrow(0, 1 + features, features).copy_(variance);
  }
  const at::Tensor all = at::stack(gathered(group, own));  // [W, G, 1 + 2 C]
  const at::Tensor counts = all.narrow(2, 0, 1), means = all.narrow(2, 1, features);
  const at::Tensor total = counts.sum(0);                                    // [G, 1]
  const at::Tensor mean = (counts * means).sum(0) / total;                   // [G, C]
  const at::Tensor variance = (counts * (all.narrow(2, 1 + features, features) + (means - mean).square())).sum(0) / total;
  std::vector<Statistics> found;
  for (size_t g = 0; g < parts.size(); ++g) found.push_back({total[g][0], mean[g], variance[g]});
  return found;
}

/** As one process does it with one group: running statistics move by a tenth towards the mean over the groups. */
void moveRunning(const std::vector<Statistics>& statistics, at::Tensor mean, at::Tensor variance) {
  at::Tensor means = at::zeros_like(statistics[0].mean), variances = at::zeros_like(statistics[0].mean);
  for (const Statistics& group : statistics) {
    means += group.mean / double(statistics.size());
    variances += group.variance * (group.count / (group.count - 1).clamp_min(1) / double(statistics.size()));
  }
  mean.mul_(0.9).add_(means.to(mean.options()), 0.1);
  variance.mul_(0.9).add_(variances.to(variance.options()), 0.1);
}

constexpr double kEpsilon = 1e-5;

/** The kernel of evaluation, given these statistics, is also that of training once the statistics are known. */
at::Tensor normalizedBy(const Statistics& known, const at::Tensor& part, const at::Tensor& weight, const at::Tensor& bias) {
  if (part.size(0) == 0) return at::empty_like(part);  // a view of the input could not be changed in place
  const auto options = part.options().dtype(at::kFloat);
  return std::get<0>(at::native_batch_norm(part, weight, bias, known.mean.to(options), known.variance.to(options), false, 0, kEpsilon));
}

/**
 * Batch norm whose statistics are those of all processes' rows (arXiv 1502.03167). A process's rows stand in the order of its groups,
 * `sizes` of them in each. Gradients by hand: with g = dL/dy, x̂ normalised and means over the group's values in all processes,
 * dL/dx = w/σ (g − mean(g) − x̂ mean(g x̂)); those of weight and bias are this process's part.
 */
struct GlobalBatchNorm : torch::autograd::Function<GlobalBatchNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& runningMean, const at::Tensor& runningVariance, Group group, std::vector<int64_t> sizes) {
    const std::vector<at::Tensor> parts = input.split_with_sizes(sizes);
    const std::vector<Statistics> statistics = statisticsOf(group, parts);
    moveRunning(statistics, runningMean, runningVariance);
    std::vector<at::Tensor> outputs, means, variances, counts;
    for (size_t g = 0; g < parts.size(); ++g) {
      outputs.push_back(normalizedBy(statistics[g], parts[g], weight, bias));
      means.push_back(statistics[g].mean);
      variances.push_back(statistics[g].variance);
      counts.push_back(statistics[g].count);
    }
    context->save_for_backward({input, weight, at::stack(means), at::stack(variances), at::stack(counts)});
    context->saved_data["sizes"] = sizes;
    context->saved_data["group"] = c10::IValue::make_capsule(group);
    return outputs.size() == 1 ? outputs[0] : at::cat(outputs);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1], &means = saved[2], &variances = saved[3], &counts = saved[4];
    const int64_t features = input.size(1);
    const auto sizes = context->saved_data["sizes"].toIntVector();
    const auto parts = input.split_with_sizes(sizes);
    const auto from = gradients[0].contiguous(input.suggest_memory_format()).split_with_sizes(sizes);
    std::vector<at::Tensor> results;
    at::Tensor sums = at::zeros({int64_t(parts.size()), 2, features}, means.options());  // Σ g x̂, Σ g of each group
    for (size_t g = 0; g < parts.size(); ++g) {
      if (sizes[g] == 0) { results.push_back(at::empty_like(parts[g])); continue; }
      const auto options = weight.options();
      const auto [ofInput, ofWeight, ofBias] = at::native_batch_norm_backward(
          from[g], parts[g], weight, means[g].to(options), variances[g].to(options), {}, {}, false, kEpsilon, {true, true, true});
      results.push_back(ofInput);
      sums[g][0].copy_(ofWeight);
      sums[g][1].copy_(ofBias);
    }
    const at::Tensor own = sums.sum(0).to(weight.options());  // [2, C]
    sumInPlace(groupOf(context), sums);
    for (size_t g = 0; g < parts.size(); ++g) {
      if (sizes[g] == 0) continue;
      const at::Tensor scale = (variances[g] + kEpsilon).rsqrt() * weight.to(means.options()) / -counts[g];  // -w/σ of a mean
      const at::Tensor perMean = (scale.unsqueeze(0) * sums[g]).to(weight.options());                               // [2, C]
      results[g].add_(normalizedBy({counts[g], means[g], variances[g]}, parts[g], perMean[0], perMean[1]));  // x̂ · first + second, in one pass
    }
    const at::Tensor none;
    return {results.size() == 1 ? results[0] : at::cat(results), own[0], own[1], none, none, none, none};
  }

  static Group groupOf(AutogradContext* context) {
    return c10::static_intrusive_pointer_cast<ProcessGroup>(context->saved_data["group"].toCapsule());
  }
};

/** globalBatchNorm(group, input, weight | null, bias | null, runningMean, runningVariance, sizes) → handle */
Napi::Value globalBatchNorm(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const auto given = [&](size_t i) { return tensorFrom(session, info[i]); };
    const auto orUsual = [&](size_t i, double usual) { return info[i].IsNull() ? at::full_like(given(4), usual) : given(i); };
    const at::Tensor result = GlobalBatchNorm::apply(given(1), orUsual(2, 1), orUsual(3, 0), given(4), given(5),
                                                     unboxed<Group>(info[0]), sizesFrom(info[6]));
    return Napi::Number::New(info.Env(), session.slots.put(result));
  });
}

}  // namespace

void registerDistributed(Napi::Env env, Napi::Object exports) {
  exports.Set("openStore", Napi::Function::New(env, openStore));
  exports.Set("storeSet", Napi::Function::New(env, storeSet));
  exports.Set("storeGet", Napi::Function::New(env, storeGet));
  exports.Set("storeAdd", Napi::Function::New(env, storeAdd));
  exports.Set("startPulse", Napi::Function::New(env, startPulse));
  exports.Set("stopPulse", Napi::Function::New(env, stopPulse));
  exports.Set("openGroup", Napi::Function::New(env, openGroup));
  exports.Set("openNccl", Napi::Function::New(env, openNccl));
  exports.Set("leaveGroup", Napi::Function::New(env, leaveGroup));
  exports.Set("gatherRows", Napi::Function::New(env, gatherRows));
  exports.Set("sumTensors", Napi::Function::New(env, sumTensors));
  exports.Set("takeTensor", Napi::Function::New(env, takeTensor));
  exports.Set("globalBatchNorm", Napi::Function::New(env, globalBatchNorm));
  registerGradientSums(env, exports);
}

}  // namespace selfsight

#else

namespace selfsight {
void registerDistributed(Napi::Env, Napi::Object) {}  // c10d of older releases has other interfaces
}  // namespace selfsight

#endif
