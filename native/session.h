// What one JavaScript thread owns of the engine, and how its functions are written.
#pragma once

#include <napi.h>

#include <ATen/core/dispatch/Dispatcher.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "slots.h"

namespace selfsight {

/** No call has so many arguments: what stands there is undefined. */
constexpr size_t kNotGiven = 1000;

/** How one argument of an operator is made from a JavaScript value. */
struct Argument {
  enum class Base { Tensor, Int, Float, Bool, Scalar, String, Device, Generator, Other };
  std::string name;
  Base base = Base::Other;
  bool isList = false;
  bool isOptional = false;     // may be null
  int32_t fixedLength = -1;    // int[2]: a single number stands for both
  c10::optional<c10::IValue> defaultValue;
  size_t givenAt = kNotGiven;  // place among the arguments of `call`
};

struct Operator {
  c10::OperatorHandle handle;
  std::vector<Argument> arguments;  // in the order of the loaded libtorch's schema
  size_t argumentCount;             // of our schema line
  bool writesResult;                // the result is an argument, written in place
};

/** Buffers borrowed from JavaScript whose last tensor is gone; they are let go on the thread that lent them. */
struct ReturnedBuffers {
  std::mutex mutex;
  std::vector<Napi::ObjectReference*> waiting;
};

struct Session {
  SlotTable slots;
  std::deque<Operator> operators;  // a reference to one stays good while others are added
  std::shared_ptr<ReturnedBuffers> returned = std::make_shared<ReturnedBuffers>();
};

Session& sessionOf(const Napi::Env& env);

/** Runs a function of the addon; any C++ exception becomes a JavaScript error without a backtrace. */
template <typename Body>
Napi::Value guarded(const Napi::CallbackInfo& info, Body body) {
  try {
    return body(sessionOf(info.Env()));
  } catch (const Napi::Error&) {
    throw;
  } catch (const c10::Error& error) {
    throw Napi::Error::New(info.Env(), error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw Napi::Error::New(info.Env(), error.what());
  } catch (...) {
    throw Napi::Error::New(info.Env(), "internal: an unknown C++ exception");
  }
}

const at::Tensor& tensorFrom(const Session& session, const Napi::Value& value);
std::vector<int64_t> sizesFrom(const Napi::Value& value);

/** A list of handles as it travels: the numbers of a Float64Array, which cost one call instead of one for each. */
struct Handles {
  const double* values;
  size_t count;
  const double* begin() const { return values; }
  const double* end() const { return values + count; }
};
bool isHandles(const Napi::Value& value);
Handles handlesFrom(const Napi::Value& value);

void letGo(const std::shared_ptr<ReturnedBuffers>& returned);
at::ScalarType scalarTypeFrom(const std::string& name);
std::string nameOf(at::ScalarType type);

void registerOperators(Napi::Env env, Napi::Object exports);  // operators.cc: boxed calls
void registerTensors(Napi::Env env, Napi::Object exports);    // tensors.cc: data in and out, shapes, lifetimes
void registerModes(Napi::Env env, Napi::Object exports);      // modes.cc: autograd, autocast, random state, threads, libraries
void registerFiles(Napi::Env env, Napi::Object exports);      // files.cc: locks of the kernel
void registerGpu(Napi::Env env, Napi::Object exports);        // gpu.cc: what the driver says of GPUs
void registerStreams(Napi::Env env, Napi::Object exports);    // streams.cc: marks in a device's work
void registerGraphs(Napi::Env env, Napi::Object exports);     // graphs.cc: steps that a device does again by one command
void registerViews(Napi::Env env, Napi::Object exports);      // views.cc: augmented views in one call
void registerDistributed(Napi::Env env, Napi::Object exports);  // distributed.cc: several processes as one

}  // namespace selfsight
