// Tensors from typed arrays and back, with and without a copy; their shapes, places and lifetimes.
#include "session.h"

#include <ATen/ATen.h>

#include <cstring>

namespace selfsight {
namespace {

struct ElementType {
  at::ScalarType type;
  const char* name;
};

constexpr ElementType kElementTypes[] = {
    {at::kByte, "uint8"},   {at::kChar, "int8"},       {at::kShort, "int16"},        {at::kInt, "int32"},   {at::kLong, "int64"},
    {at::kHalf, "float16"}, {at::kBFloat16, "bfloat16"}, {at::kFloat, "float32"}, {at::kDouble, "float64"}, {at::kBool, "bool"},
};

}  // namespace

std::vector<int64_t> sizesFrom(const Napi::Value& value) {
  if (!value.IsArray()) throw std::invalid_argument("an array of sizes is needed");
  const auto array = value.As<Napi::Array>();
  std::vector<int64_t> sizes;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array.Get(i);
    const double size = element.IsNumber() ? double(element.As<Napi::Number>()) : -1;
    if (!(size >= 0 && size <= 9007199254740991.0) || size != std::floor(size)) throw std::invalid_argument("sizes must be whole numbers, zero or more");
    sizes.push_back(int64_t(size));
  }
  return sizes;
}

namespace {

/** What lies behind a typed array; of a detached one no bytes. Serves shared buffers too, which Napi::ArrayBuffer does not. */
struct View {
  napi_typedarray_type type;
  size_t length = 0;
  void* data = nullptr;
};

View viewOf(const Napi::Value& value) {
  if (!value.IsTypedArray()) throw std::invalid_argument("a typed array is needed");
  View view;
  if (napi_get_typedarray_info(value.Env(), value, &view.type, &view.length, &view.data, nullptr, nullptr) != napi_ok)
    throw std::invalid_argument("the typed array cannot be read");
  return view;
}

/** The bytes behind a typed array, checked against the sizes that they are to have. */
void* bytesOf(const Napi::Value& value, const std::vector<int64_t>& sizes, at::ScalarType type) {
  const View view = viewOf(value);
  const size_t byteLength = view.length * value.As<Napi::TypedArray>().ElementSize();
  uint64_t needed = at::elementSize(type);
  for (const int64_t size : sizes)
    if (__builtin_mul_overflow(needed, uint64_t(size), &needed)) throw std::invalid_argument("the sizes overflow");
  if (byteLength != needed)
    throw std::invalid_argument("the array holds " + std::to_string(byteLength) + " bytes, the sizes need " + std::to_string(needed));
  return view.data;
}

/** fromTypedArray(array, sizes, type) → handle of a copy. */
Napi::Value fromTypedArray(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const auto sizes = sizesFrom(info[1]);
    const auto type = scalarTypeFrom(info[2].ToString());
    const void* bytes = bytesOf(info[0], sizes, type);
    at::Tensor copy = at::empty(sizes, at::TensorOptions().dtype(type));
    if (copy.nbytes() > 0) std::memcpy(copy.data_ptr(), bytes, copy.nbytes());
    return Napi::Number::New(info.Env(), session.slots.put(copy));
  });
}

/** borrowTypedArray(array, sizes, type) → handle of a tensor on the array's own bytes, which stay alive as long as any tensor on them. */
Napi::Value borrowTypedArray(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    letGo(session.returned);
    const auto sizes = sizesFrom(info[1]);
    const auto type = scalarTypeFrom(info[2].ToString());
    void* bytes = bytesOf(info[0], sizes, type);
    auto* reference = new Napi::ObjectReference(Napi::Persistent(info[0].As<Napi::Object>()));
    // The last tensor may die on a thread of autograd, where JavaScript must not be touched: hand the reference back.
    auto giveBack = [returned = session.returned, reference](void*) {
      std::lock_guard<std::mutex> lock(returned->mutex);
      returned->waiting.push_back(reference);
    };
    at::Tensor view = at::from_blob(bytes, sizes, giveBack, at::TensorOptions().dtype(type));
    return Napi::Number::New(info.Env(), session.slots.put(view));
  });
}

/** V8 ends the process when asked for more elements than this. */
void checkFits(const at::Tensor& tensor) {
  if (tensor.numel() >= int64_t(1) << 32)
    throw std::invalid_argument("it has " + std::to_string(tensor.numel()) + " elements, a typed array holds less than 2^32; take it in parts");
}

template <typename Element>
Napi::Value typedArray(Napi::Env env, Napi::ArrayBuffer buffer) {
  return Napi::TypedArrayOf<Element>::New(env, buffer.ByteLength() / sizeof(Element), buffer, 0);
}

Napi::Value typedArrayOf(Napi::Env env, at::ScalarType type, Napi::ArrayBuffer buffer) {
  switch (type) {
    case at::kByte:
    case at::kBool: return typedArray<uint8_t>(env, buffer);
    case at::kChar: return typedArray<int8_t>(env, buffer);
    case at::kShort: return typedArray<int16_t>(env, buffer);
    case at::kInt: return typedArray<int32_t>(env, buffer);
    case at::kLong: return typedArray<int64_t>(env, buffer);
    case at::kDouble: return typedArray<double>(env, buffer);
    default: return typedArray<float>(env, buffer);
  }
}

/** toTypedArray(handle) → a copy on the JavaScript side; float16 and bfloat16 come as float32. */
Napi::Value toTypedArray(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    at::Tensor tensor = tensorFrom(session, info[0]).detach();
    checkFits(tensor);
    const auto type = tensor.scalar_type();
    const bool isShortFloat = type == at::kHalf || type == at::kBFloat16;
    tensor = tensor.to(at::kCPU, isShortFloat ? at::kFloat : type).contiguous();
    auto buffer = Napi::ArrayBuffer::New(info.Env(), tensor.nbytes());
    if (tensor.nbytes() > 0) std::memcpy(buffer.Data(), tensor.data_ptr(), tensor.nbytes());
    return typedArrayOf(info.Env(), tensor.scalar_type(), buffer);
  });
}

/** lendTypedArray(handle) → a typed array on the tensor's own bytes, which it keeps alive. */
Napi::Value lendTypedArray(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const at::Tensor tensor = tensorFrom(session, info[0]).detach();
    checkFits(tensor);
    const auto type = tensor.scalar_type();
    const bool isPlain = tensor.is_cpu() && tensor.is_contiguous() && type != at::kHalf && type != at::kBFloat16 && tensor.numel() > 0;
    if (!isPlain)
      throw std::invalid_argument("only a contiguous CPU tensor of a type that JavaScript has, with at least one element, can be lent; copy it instead");
    auto letGoOf = [](Napi::Env, void*, at::Tensor* lent) { delete lent; };
    auto* held = new at::Tensor(tensor);
    auto buffer = Napi::ArrayBuffer::New(info.Env(), held->data_ptr(), held->nbytes(), letGoOf, held);
    return typedArrayOf(info.Env(), type, buffer);
  });
}

/** describe(handle) → { shape, dtype, device, requiresGrad } */
Napi::Value describeTensor(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const at::Tensor& tensor = tensorFrom(session, info[0]);
    auto shape = Napi::Array::New(info.Env(), tensor.dim());
    for (uint32_t i = 0; i < tensor.dim(); ++i) shape.Set(i, double(tensor.size(i)));
    auto description = Napi::Object::New(info.Env());
    description.Set("shape", shape);
    description.Set("dtype", nameOf(tensor.scalar_type()));
    description.Set("device", tensor.device().str());
    return description;
  });
}

/** item(handle) → the number in a tensor of one element; waits for the device. */
Napi::Value item(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const at::Tensor& tensor = tensorFrom(session, info[0]);
    if (tensor.numel() != 1) throw std::invalid_argument("item: a tensor of one element is needed, this has " + std::to_string(tensor.numel()));
    return Napi::Number::New(info.Env(), tensor.item().toDouble());
  });
}

/** free(handles) */
Napi::Value release(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    for (const double handle : handlesFrom(info[0])) session.slots.release(handle);
    letGo(session.returned);
    return info.Env().Undefined();
  });
}

Napi::Value isAlive(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    return Napi::Boolean::New(info.Env(), info[0].IsNumber() && session.slots.alive(info[0].ToNumber()));
  });
}

/** tensorCounts() → { live, peak, bytes }: live handles, the most at one time, and the bytes of their elements, views counted too. */
Napi::Value tensorCounts(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    double bytes = 0;
    session.slots.each([&](const at::Tensor& tensor) { bytes += double(tensor.nbytes()); });
    auto counts = Napi::Object::New(info.Env());
    counts.Set("live", double(session.slots.live()));
    counts.Set("peak", double(session.slots.peak()));
    counts.Set("bytes", bytes);
    return counts;
  });
}

}  // namespace

void letGo(const std::shared_ptr<ReturnedBuffers>& returned) {
  std::vector<Napi::ObjectReference*> waiting;
  {
    std::lock_guard<std::mutex> lock(returned->mutex);
    waiting.swap(returned->waiting);
  }
  for (Napi::ObjectReference* reference : waiting) delete reference;
}

bool isHandles(const Napi::Value& value) { return value.IsTypedArray() && viewOf(value).type == napi_float64_array; }

Handles handlesFrom(const Napi::Value& value) {
  if (!isHandles(value)) throw std::invalid_argument("a list of tensors is needed");
  const View view = viewOf(value);
  return {static_cast<const double*>(view.data), view.length};
}

const at::Tensor& tensorFrom(const Session& session, const Napi::Value& value) {
  if (!value.IsNumber()) throw std::invalid_argument("a tensor is needed");
  return session.slots.get(value.As<Napi::Number>());
}

at::ScalarType scalarTypeFrom(const std::string& name) {
  for (const ElementType& element : kElementTypes)
    if (name == element.name) return element.type;
  throw std::invalid_argument("'" + name + "' is no data type; known: uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 bool");
}

std::string nameOf(at::ScalarType type) {
  for (const ElementType& element : kElementTypes)
    if (type == element.type) return element.name;
  return at::toString(type);
}

void registerTensors(Napi::Env env, Napi::Object exports) {
  exports.Set("fromTypedArray", Napi::Function::New(env, fromTypedArray));
  exports.Set("borrowTypedArray", Napi::Function::New(env, borrowTypedArray));
  exports.Set("toTypedArray", Napi::Function::New(env, toTypedArray));
  exports.Set("lendTypedArray", Napi::Function::New(env, lendTypedArray));
  exports.Set("describe", Napi::Function::New(env, describeTensor));
  exports.Set("item", Napi::Function::New(env, item));
  exports.Set("free", Napi::Function::New(env, release));
  exports.Set("isAlive", Napi::Function::New(env, isAlive));
  exports.Set("tensorCounts", Napi::Function::New(env, tensorCounts));
}

}  // namespace selfsight
