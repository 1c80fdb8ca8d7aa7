// What the parts that work among several processes share: the group, and how it travels through JavaScript.
#pragma once

#include "session.h"

#include <torch/version.h>

#if TORCH_VERSION_MAJOR >= 2
#define USE_C10D_GLOO
#include "group.h"

namespace selfsight {

template <typename T>
Napi::Value boxed(Napi::Env env, T value) {
  return Napi::External<T>::New(env, new T(std::move(value)), [](Napi::Env, T* held) { delete held; });
}

template <typename T>
T& unboxed(const Napi::Value& value) {
  if (!value.IsExternal()) throw std::invalid_argument("a store or a group is needed");
  T& held = *value.As<Napi::External<T>>().Data();
  if (!held) throw std::invalid_argument("this group was left already");
  return held;
}

/** A row cut into places for the tensors; weights of convolutions lie channels-last in it, as in memory, so that copying is quick. */
std::vector<at::Tensor> placesIn(const at::Tensor& row, const std::vector<at::Tensor>& tensors);

void registerGradientSums(Napi::Env env, Napi::Object exports);  // gradient-sums.cc

}  // namespace selfsight

#endif
