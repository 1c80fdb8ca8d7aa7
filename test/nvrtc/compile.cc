// compile LIBRARY ARCHITECTURE KERNELS CODE [SOURCE]: compiles the kernels of views as the addon does, by a real NVRTC, writes the
// machine code and prints what the compiler remarks. What crosses from host to device must lie there as it does here, to the byte.
// SOURCE is put behind the kernels.
#include <cstddef>
#include <fstream>
#include <iostream>

#include "gpu-kernels.h"
#include "kernels/views-arithmetic.h"

namespace {

std::string readAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string claim(const std::string& what, size_t bytes) {
  return "static_assert(" + what + " == " + std::to_string(bytes) + ", \"host and device differ\");\n";
}
#define SIZE(type) claim("sizeof(views::" #type ")", sizeof(views::type)) + claim("alignof(views::" #type ")", alignof(views::type))
// NVRTC has no offsetof of its own; this is what NVIDIA's compilers make of it.
#define PLACE(type, member) claim("__INTADDR__(&((views::" #type "*)0)->" #member ")", offsetof(views::type, member))

/** As this compiler has laid them out. */
std::string layout() {
  return SIZE(Step) + PLACE(Step, amount) + SIZE(Job) + PLACE(Job, height) + PLACE(Job, top) + PLACE(Job, boxWidth) +
         PLACE(Job, isFlipped) + PLACE(Job, isSolarized) + PLACE(Job, blurSigma) + PLACE(Job, stepCount) + PLACE(Job, steps) +
         SIZE(Recipe) + PLACE(Recipe, channels) + PLACE(Recipe, isBicubic) + PLACE(Recipe, blurRadius) + PLACE(Recipe, threshold) +
         PLACE(Recipe, scale) + PLACE(Recipe, shift) + claim("sizeof(void*)", sizeof(void*)) + claim("sizeof(int)", sizeof(int));
}

}  // namespace

int main(int count, char** given) try {
  const std::string kernels = given[3];
  const std::string source = readAll(kernels + "/views.cu") + layout() + (count > 5 ? given[5] : "");
  const std::string header = readAll(kernels + "/views-arithmetic.h");
  const auto compiled = selfsight::compileKernels({given[1]}, given[2], {"views.cu", source.c_str()}, {{"views-arithmetic.h", header.c_str()}},
                                                  {"--ptxas-options=-v"});
  std::ofstream(given[4], std::ios::binary) << compiled.code;
  std::cout << compiled.remarks;
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
