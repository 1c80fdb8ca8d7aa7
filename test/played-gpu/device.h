// CUDA's words in plain C++, so that a kernel's own source runs on the processor: the blocks of a grid one after the other, the
// threads of a block as fibres that wait for each other at __syncthreads.
#pragma once
#include <ucontext.h>

#include <cstdlib>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__ static

struct Dim {
  unsigned x, y, z;
};
inline Dim threadIdx, blockIdx, blockDim, gridDim;

namespace played {

inline ucontext_t block;  // who starts and goes round
inline std::vector<ucontext_t> fibres;
inline std::vector<char> isDone;
inline void (*kernel)(void**);
inline void** parameters;

inline void run() {
  kernel(parameters);
  isDone[threadIdx.x] = 1;
  swapcontext(&fibres[threadIdx.x], &block);
}

inline void launch(void (*wanted)(void**), unsigned blocks, unsigned threads, void** given) {
  constexpr size_t kStack = 1 << 15;
  static std::vector<char> stacks;
  stacks.resize(kStack * threads);
  fibres.resize(threads);
  kernel = wanted;
  parameters = given;
  blockDim = {threads, 1, 1};
  gridDim = {blocks, 1, 1};
  for (unsigned at = 0; at < blocks; ++at) {
    blockIdx = {at, 0, 0};
    isDone.assign(threads, 0);
    for (unsigned i = 0; i < threads; ++i) {
      getcontext(&fibres[i]);
      fibres[i].uc_stack.ss_sp = &stacks[kStack * i];
      fibres[i].uc_stack.ss_size = kStack;
      makecontext(&fibres[i], run, 0);
    }
    for (bool isOpen = true; isOpen;) {
      isOpen = false;
      for (unsigned i = 0; i < threads; ++i) {
        if (isDone[i]) continue;
        threadIdx = {i, 0, 0};
        swapcontext(&block, &fibres[i]);
        isOpen = isOpen || !isDone[i];
      }
    }
  }
}

template <typename... Arguments, size_t... places>
void unpack(void (*function)(Arguments...), void** given, std::index_sequence<places...>) {
  function(*static_cast<Arguments*>(given[places])...);
}
template <typename... Arguments>
void unpack(void (*function)(Arguments...), void** given) {
  unpack(function, given, std::index_sequence_for<Arguments...>());
}

}  // namespace played

inline void __syncthreads() { swapcontext(&played::fibres[threadIdx.x], &played::block); }

#define PLAYED_KERNEL(name)                                                            \
  static void name##Unpacked(void** given) { played::unpack(name, given); }           \
  extern "C" void played_##name(unsigned blocks, unsigned threads, void** parameters) { \
    played::launch(name##Unpacked, blocks, threads, parameters);                       \
  }
