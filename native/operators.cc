// Boxed operator calls: one function calls any operator of the loaded libtorch, its schema converts the arguments.
#include "session.h"

#include <ATen/core/List.h>

#include <algorithm>

namespace selfsight {
namespace {

using Base = Argument::Base;

/** Takes a suffix off a type's name and says whether it was there. */
bool strip(std::string& text, const std::string& suffix) {
  if (text.size() < suffix.size() || text.compare(text.size() - suffix.size(), suffix.size(), suffix) != 0) return false;
  text.resize(text.size() - suffix.size());
  return true;
}

Base baseOf(const std::string& name) {
  if (name == "Tensor") return Base::Tensor;
  if (name == "int" || name == "SymInt" || name == "ScalarType" || name == "MemoryFormat" || name == "Layout") return Base::Int;
  if (name == "float") return Base::Float;
  if (name == "bool") return Base::Bool;
  if (name == "Scalar" || name == "number") return Base::Scalar;
  if (name == "str") return Base::String;
  if (name == "Device") return Base::Device;
  if (name == "Generator") return Base::Generator;
  return Base::Other;
}

Argument describe(const c10::Argument& source) {
  Argument argument;
  argument.name = source.name();
  std::string type = source.type()->str();  // such as Tensor[], int[]?, Scalar?
  argument.isOptional = strip(type, "?");
  argument.isList = strip(type, "[]");
  argument.base = baseOf(type);  // Other where the elements may be null (Tensor?[]): no operator of ours has that
  if (source.N()) argument.fixedLength = *source.N();
  argument.defaultValue = source.default_value();
  return argument;
}

[[noreturn]] void refuse(const Argument& argument, const char* needed) {
  throw std::invalid_argument("argument '" + argument.name + "' must be " + needed);
}

/** Data types, memory formats and layouts travel by name. */
int64_t intFromName(const std::string& name) {
  if (name == "contiguous_format") return int64_t(at::MemoryFormat::Contiguous);
  if (name == "preserve_format") return int64_t(at::MemoryFormat::Preserve);
  if (name == "channels_last") return int64_t(at::MemoryFormat::ChannelsLast);
  return int64_t(scalarTypeFrom(name));
}

int64_t intFrom(const Argument& argument, const Napi::Value& value) {
  if (value.IsString()) return intFromName(value.As<Napi::String>());
  if (value.IsBoolean()) return value.As<Napi::Boolean>() ? 1 : 0;
  if (!value.IsNumber()) refuse(argument, "a whole number");
  const double number = value.As<Napi::Number>();
  if (!(std::fabs(number) <= 9007199254740991.0) || number != std::floor(number)) refuse(argument, "a whole number below 2^53");
  return int64_t(number);
}

/** A whole number becomes an integer scalar, so that integer tensors stay integer. */
c10::IValue scalarFrom(const Argument& argument, const Napi::Value& value) {
  if (value.IsBoolean()) return c10::IValue(bool(value.As<Napi::Boolean>()));
  if (!value.IsNumber()) refuse(argument, "a number");
  const double number = value.As<Napi::Number>();
  const bool isWhole = std::fabs(number) <= 9007199254740991.0 && number == std::floor(number);
  return isWhole ? c10::IValue(int64_t(number)) : c10::IValue(number);
}

double doubleFrom(const Argument& argument, const Napi::Value& value) {
  if (!value.IsNumber()) refuse(argument, "a number");
  return value.As<Napi::Number>();
}

const at::Tensor& tensorOf(const Session& session, const Argument& argument, const Napi::Value& value) {
  if (!value.IsNumber()) refuse(argument, "a tensor");
  return tensorFrom(session, value);
}

c10::IValue single(const Session& session, const Argument& argument, const Napi::Value& value) {
  switch (argument.base) {
    case Base::Tensor: return tensorOf(session, argument, value);
    case Base::Int: return intFrom(argument, value);
    case Base::Float: return doubleFrom(argument, value);
    case Base::Bool: return bool(value.ToBoolean());
    case Base::Scalar: return scalarFrom(argument, value);
    case Base::String: return value.ToString().Utf8Value();
    case Base::Device: return c10::Device(value.ToString().Utf8Value());
    default: refuse(argument, "left out; this kind of argument cannot be given");
  }
}

/** int[2] takes two, or none where that is the default; int[1] takes any number. libtorch 1.13 reads on without a look. */
bool isFitting(const Argument& argument, uint32_t length) {
  if (argument.fixedLength < 2 || length == uint32_t(argument.fixedLength)) return true;
  return length == 0 && argument.defaultValue && argument.defaultValue->isList() && argument.defaultValue->toListRef().empty();
}

template <typename Element, typename Read>
c10::IValue listOf(const Argument& argument, const Napi::Value& value, Read read) {
  c10::List<Element> list;
  if (!value.IsArray()) {
    if (argument.fixedLength < 0) refuse(argument, "an array");
    for (int32_t i = 0; i < argument.fixedLength; ++i) list.push_back(read(value));
    return list;
  }
  const auto array = value.As<Napi::Array>();
  const uint32_t length = array.Length();
  if (!isFitting(argument, length)) refuse(argument, ("a list of " + std::to_string(argument.fixedLength)).c_str());
  for (uint32_t i = 0; i < length; ++i) list.push_back(read(array.Get(i)));
  return list;
}

c10::IValue tensorList(const Session& session, const Argument& argument, const Napi::Value& value) {
  c10::List<at::Tensor> list;
  if (value.IsArray() && value.As<Napi::Array>().Length() == 0) return list;
  if (!isHandles(value)) refuse(argument, "an array of tensors");
  const Handles handles = handlesFrom(value);
  list.reserve(handles.count);
  for (const double handle : handles) list.push_back(session.slots.get(handle));
  return list;
}

c10::IValue list(const Session& session, const Argument& argument, const Napi::Value& value) {
  switch (argument.base) {
    case Base::Tensor: return tensorList(session, argument, value);
    case Base::Int: return listOf<int64_t>(argument, value, [&](const Napi::Value& e) { return intFrom(argument, e); });
    case Base::Float: return listOf<double>(argument, value, [&](const Napi::Value& e) { return doubleFrom(argument, e); });
    case Base::Bool: return listOf<bool>(argument, value, [&](const Napi::Value& e) { return bool(e.ToBoolean()); });
    case Base::Scalar: return listOf<at::Scalar>(argument, value, [&](const Napi::Value& e) { return scalarFrom(argument, e).toScalar(); });
    default: refuse(argument, "left out; lists of this kind cannot be given");
  }
}

c10::IValue convert(const Session& session, const Argument& argument, const Napi::Value& value) {
  const bool isAbsent = value.IsUndefined() || (value.IsNull() && argument.isOptional);
  if (isAbsent && argument.defaultValue && value.IsUndefined()) return *argument.defaultValue;
  if (isAbsent && argument.isOptional) return c10::IValue();
  return argument.isList ? list(session, argument, value) : single(session, argument, value);
}

Napi::Value handleOrNull(Napi::Env env, Session& session, const at::Tensor& tensor) {
  if (!tensor.defined()) return env.Null();
  return Napi::Number::New(env, session.slots.put(tensor));
}

template <typename List, typename Write>
Napi::Value arrayOf(Napi::Env env, const List& values, Write write) {
  auto array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); ++i) array.Set(i, write(values[i]));
  return array;
}

Napi::Value toJavaScript(Napi::Env env, Session& session, const c10::IValue& value) {
  if (value.isTensor()) return handleOrNull(env, session, value.toTensor());
  if (value.isTensorList()) return arrayOf(env, value.toTensorVector(), [&](const at::Tensor& t) { return handleOrNull(env, session, t); });
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isInt()) return Napi::Number::New(env, double(value.toInt()));
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isScalar()) return Napi::Number::New(env, value.toScalar().toDouble());
  if (value.isIntList()) return arrayOf(env, value.toIntVector(), [&](int64_t n) { return Napi::Number::New(env, double(n)); });
  if (value.isNone()) return env.Null();
  throw std::runtime_error("internal: a result of kind " + value.tagKind() + " has no JavaScript form");
}

/** Our schema line names its arguments; what it leaves out must have a default in the loaded libtorch. */
void placeByName(std::vector<Argument>& arguments, const Napi::Array& names) {
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).ToString();
    const auto found = std::find_if(arguments.begin(), arguments.end(), [&](const Argument& argument) { return argument.name == name; });
    if (found == arguments.end()) throw std::invalid_argument("has no argument '" + name + "'");
    found->givenAt = i + 1;
  }
  for (const Argument& argument : arguments)
    if (argument.givenAt == kNotGiven && !argument.defaultValue && !argument.isOptional)
      throw std::invalid_argument("needs argument '" + argument.name + "', which our line leaves out");
}

/** findOperator(name, overload, argumentNames) → number of the operator, or null where this libtorch has none. */
Napi::Value findOperator(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const c10::OperatorName name(info[0].ToString(), info[1].ToString());
    const auto found = c10::Dispatcher::singleton().findSchema(name);
    if (!found) return info.Env().Null();
    if (!info[2].IsArray()) throw std::invalid_argument("the names of its arguments are needed");
    const auto names = info[2].As<Napi::Array>();
    Operator op{*found, {}, names.Length(), false};
    for (const c10::Argument& argument : found->schema().arguments()) op.arguments.push_back(describe(argument));
    for (const c10::Argument& result : found->schema().returns())
      op.writesResult = op.writesResult || (result.alias_info() && result.alias_info()->isWrite());
    placeByName(op.arguments, names);
    session.operators.push_back(std::move(op));
    return Napi::Number::New(info.Env(), double(session.operators.size() - 1));
  });
}

const Operator& operatorFrom(const Session& session, const Napi::Value& value) {
  const double number = value.IsNumber() ? double(value.As<Napi::Number>()) : -1;
  if (!(number >= 0 && number < session.operators.size())) throw std::invalid_argument("the loaded libtorch has no such operator");
  return session.operators[size_t(number)];
}

torch::jit::Stack stackFrom(const Session& session, const Operator& op, const Napi::CallbackInfo& info) {
  if (info.Length() > op.argumentCount + 1) throw std::invalid_argument("more arguments were given than it has");
  torch::jit::Stack stack;
  stack.reserve(op.arguments.size() + 1);
  for (size_t i = 0; i < op.arguments.size(); ++i) stack.push_back(convert(session, op.arguments[i], info[op.arguments[i].givenAt]));
  return stack;
}

/** call(operator, ...arguments) → its result, an array where it has several, undefined where it has none or writes in place. */
Napi::Value call(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    const Operator& op = operatorFrom(session, info[0]);
    torch::jit::Stack stack = stackFrom(session, op, info);
    op.handle.callBoxed(stack);
    if (stack.empty() || op.writesResult) return info.Env().Undefined();
    if (stack.size() == 1) return toJavaScript(info.Env(), session, stack[0]);
    return arrayOf(info.Env(), stack, [&](const c10::IValue& result) { return toJavaScript(info.Env(), session, result); });
  });
}

/** schemaOf(operator) → the loaded libtorch's own line. */
Napi::Value schemaOf(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session& session) -> Napi::Value {
    std::ostringstream line;
    line << operatorFrom(session, info[0]).handle.schema();
    return Napi::String::New(info.Env(), line.str());
  });
}

}  // namespace

void registerOperators(Napi::Env env, Napi::Object exports) {
  exports.Set("findOperator", Napi::Function::New(env, findOperator));
  exports.Set("call", Napi::Function::New(env, call));
  exports.Set("schemaOf", Napi::Function::New(env, schemaOf));
}

}  // namespace selfsight
