// gradient-sums.cc: gradients that travel to the other processes while the backward pass goes on.
// P parameters, B buckets of them
#include "distributed.h"

#ifdef USE_C10D_GLOO
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace selfsight {
namespace {

using torch::autograd::variable_list;
/** Where a parameter's gradient arrives; libtorch holds it in one kind of pointer up to 2.12 and in another from 2.13 on. */
using GradientEnd = decltype(torch::autograd::impl::grad_accumulator(std::declval<const at::Tensor&>()));

/** Parameters whose gradients travel as one message. */
struct Bucket {
  std::vector<at::Tensor> parameters;
  std::vector<bool> isWhole;  // every process has the whole gradient, not its part: the mean of them is taken
  size_t awaited = 0;         // gradients that this pass may still bring
  at::Tensor row;             // float32, where it travels
  std::vector<at::Tensor> places;
  c10::intrusive_ptr<c10d::Work> travelling;
};

/**
 * The gradients of a network, cut into buckets that travel one after the other, in the same order in every process. A bucket leaves when
 * it is full, those before it have left, and it is open: a backward pass in parts brings a gradient more than once.
 */
class GradientSum {
 public:
  explicit GradientSum(Group group) : group_(std::move(group)) {}

  void add(Bucket bucket) {
    int64_t length = 0;
    for (const at::Tensor& parameter : bucket.parameters) length += parameter.numel();
    const at::Device way = group_->wayOf(bucket.parameters[0]);
    bucket.row = at::empty({length}, at::TensorOptions(at::kFloat).device(way));
    bucket.places = placesIn(bucket.row, bucket.parameters);
    buckets_.push_back(std::move(bucket));
  }

  /** The first `count` buckets may leave from here on. */
  void open(size_t count) {
    for (size_t b = open_; b < count; ++b) buckets_[b].awaited = buckets_[b].parameters.size();
    open_ = count;
  }

  void arrived(size_t b) {
    if (b >= open_ || buckets_[b].awaited == 0) return;
    --buckets_[b].awaited;
    while (started_ < open_ && buckets_[started_].awaited == 0) start();
  }

  /** Every gradient that is there becomes the sum over the processes; what no pass has reached stays without one. Gives the buckets that had left. */
  size_t finish() {
    const size_t early = started_;
    while (started_ < buckets_.size()) start();
    started_ = open_ = 0;
    for (Bucket& bucket : buckets_) land(bucket);
    return early;
  }

 private:
  void start() {
    at::NoGradGuard withoutGradients;
    Bucket& bucket = buckets_[started_++];
    for (size_t i = 0; i < bucket.places.size(); ++i) {
      const at::Tensor& gradient = bucket.parameters[i].grad();
      if (!gradient.defined()) bucket.places[i].zero_();
      else if (bucket.isWhole[i]) at::div_out(bucket.places[i], gradient, at::scalar_tensor(group_->size()));
      else bucket.places[i].copy_(gradient);
    }
    std::vector<at::Tensor> rows{bucket.row};
    bucket.travelling = group_->backendOf(bucket.row).allreduce(rows);
  }

  static void land(Bucket& bucket) {
    at::NoGradGuard withoutGradients;
    bucket.travelling->wait();
    bucket.travelling.reset();
    for (size_t i = 0; i < bucket.places.size(); ++i) {
      at::Tensor gradient = bucket.parameters[i].grad();
      if (gradient.defined()) gradient.copy_(bucket.places[i]);
    }
  }

  Group group_;
  std::vector<Bucket> buckets_;
  size_t open_ = 0, started_ = 0;
};

using GradientSumPointer = std::shared_ptr<GradientSum>;

/** What a parameter's gradient ends in tells its bucket of it; it lives as long as the parameter, and may live longer than the sum. */
void tell(const std::weak_ptr<GradientSum>& weak, const at::Tensor& parameter, size_t b, std::vector<GradientEnd>& kept) {
  auto end = torch::autograd::impl::grad_accumulator(parameter);
  end->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>([weak, b](const variable_list& outputs, const variable_list&) {
    if (const auto sum = weak.lock()) sum->arrived(b);
    return outputs;
  }));
  kept.push_back(std::move(end));
}

/** As it travels through JavaScript. */
struct OpenSum {
  GradientSumPointer sum;
  std::vector<GradientEnd> ends;
  explicit operator bool() const { return bool(sum); }
  bool operator!() const { return !sum; }
};

/** openGradientSum(group, parameters, whole: 1 or 0 for each, lengths of the buckets) → sum. The parameters stand in the buckets' order. */
Napi::Value openGradientSum(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const Handles handles = handlesFrom(info[1]);
    const std::vector<int64_t> isWhole = sizesFrom(info[2]);
    OpenSum opened{std::make_shared<GradientSum>(unboxed<Group>(info[0])), {}};
    size_t p = 0, b = 0;
    for (const int64_t length : sizesFrom(info[3])) {
      Bucket bucket;
      for (const size_t end = p + size_t(length); p < end; ++p) {
        bucket.parameters.push_back(session.slots.get(handles.values[p]));
        bucket.isWhole.push_back(isWhole.at(p) != 0);
        tell(opened.sum, bucket.parameters.back(), b, opened.ends);
      }
      opened.sum->add(std::move(bucket));
      ++b;
    }
    return boxed(info.Env(), std::move(opened));
  });
}

/** openBuckets(sum, count): the first `count` buckets leave as soon as they are full. */
Napi::Value openBuckets(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    unboxed<OpenSum>(info[0]).sum->open(size_t(info[1].ToNumber().Int64Value()));
    return info.Env().Undefined();
  });
}

/** finishGradientSum(sum) → how many buckets had left before; every gradient is the sum over the processes when it returns. */
Napi::Value finishGradientSum(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    return Napi::Number::New(info.Env(), double(unboxed<OpenSum>(info[0]).sum->finish()));
  });
}

/** closeGradientSum(sum): parameters and buckets are let go. */
Napi::Value closeGradientSum(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
    unboxed<OpenSum>(info[0]) = {};
    return info.Env().Undefined();
  });
}

}  // namespace

void registerGradientSums(Napi::Env env, Napi::Object exports) {
  exports.Set("openGradientSum", Napi::Function::New(env, openGradientSum));
  exports.Set("openBuckets", Napi::Function::New(env, openBuckets));
  exports.Set("finishGradientSum", Napi::Function::New(env, finishGradientSum));
  exports.Set("closeGradientSum", Napi::Function::New(env, closeGradientSum));
}

}  // namespace selfsight

#endif
