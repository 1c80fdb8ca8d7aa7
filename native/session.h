// What one JavaScript thread owns of the engine, and how its functions are written.
#pragma once

#include <napi.h>

#include <ATen/core/dispatch/Dispatcher.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "slots.h"

namespace selfsight {

/** How one argument of an operator is made from a JavaScript value. */
struct Argument {
  enum class Base { Tensor, Int, Float, Bool, Scalar, String, Device, Generator, Other };
  std::string name;
  Base base = Base::Other;
  bool isList = false;
  bool isOptional = false;         // the argument itself may be null
  bool elementIsOptional = false;  // Tensor?[]
  int32_t fixedLength = -1;        // int[2]: a single number stands for both
  c10::optional<c10::IValue> defaultValue;
};

struct Operator {
  c10::OperatorHandle handle;
  std::vector<Argument> arguments;  // in the order of the loaded libtorch's schema
  std::vector<int> positions;       // place in our schema line → place in `arguments`
  std::vector<bool> returnsWritten; // a result that is an argument written in place
};

/** Buffers borrowed from JavaScript whose last tensor is gone; they are let go on the thread that lent them. */
struct ReturnedBuffers {
  std::mutex mutex;
  std::vector<Napi::ObjectReference*> waiting;
};

struct Session {
  SlotTable slots;
  std::vector<Operator> operators;
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
at::ScalarType scalarTypeFrom(const std::string& name);
std::string nameOf(at::ScalarType type);

void registerOperators(Napi::Env env, Napi::Object exports);  // operators.cc: boxed calls
void registerTensors(Napi::Env env, Napi::Object exports);    // tensors.cc: data in and out, shapes, lifetimes
void registerModes(Napi::Env env, Napi::Object exports);      // modes.cc: autograd, autocast, random state, threads, libraries

}  // namespace selfsight
