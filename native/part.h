// Libraries beside the addon, compiled only where CUDA's headers lie beside libtorch: each gives a table of functions.
#pragma once
#include <dlfcn.h>

#include <string>

namespace selfsight {

/** What the library at `path` gives by the function `name`; null where it does not open, as beside another CUDA than it was compiled for. */
template <typename Part>
const Part* partFrom(const std::string& path, const char* name) {
  void* const library = path.empty() ? nullptr : dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto give = library ? reinterpret_cast<const Part* (*)()>(dlsym(library, name)) : nullptr;
  return give ? give() : nullptr;
}

}  // namespace selfsight
