// The slot table: the one owner of every tensor that JavaScript can name.
//
// A handle is a number: generation * 2^30 + table * 2^22 + index. Freeing a slot raises its generation and every thread's table
// has a number of its own (of 256), so a stale or foreign handle is found out and becomes a JavaScript error. One table belongs
// to one JavaScript thread (N-API instance data), hence no locks.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace selfsight {

class SlotTable {
 public:
  double put(at::Tensor tensor) {
    if (free_.empty()) grow();
    const uint32_t index = free_.back();
    free_.pop_back();
    slots_[index].tensor = std::move(tensor);
    slots_[index].live = true;
    ++live_;
    if (live_ > peak_) peak_ = live_;
    return handleOf(index);
  }

  const at::Tensor& get(double handle) const {
    const Slot* slot = find(handle);
    if (!slot) throw std::invalid_argument("a tensor that is not alive was given; it was freed, its scope ended, or it belongs to another thread");
    return slot->tensor;
  }

  /** Freeing twice is harmless. */
  void release(double handle) {
    if (!find(handle)) return;
    const uint32_t index = indexOf(handle);
    Slot& slot = slots_[index];
    slot.tensor = at::Tensor();
    slot.live = false;
    --live_;
    if (++slot.generation < kGenerations) free_.push_back(index);  // after 2^23 uses a place retires, so that no handle comes twice
  }

  void clear() {
    for (uint32_t index = 0; index < slots_.size(); ++index)
      if (slots_[index].live) release(handleOf(index));
  }

  bool alive(double handle) const { return find(handle) != nullptr; }
  uint32_t live() const { return live_; }
  uint32_t peak() const { return peak_; }

  template <typename Visitor>
  void each(Visitor visit) const {
    for (const Slot& slot : slots_)
      if (slot.live) visit(slot.tensor);
  }

 private:
  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 1;  // from 1, so that no small number is ever a handle
    bool live = false;
  };
  static constexpr int kIndexBits = 22;
  static constexpr int kTableBits = 8;
  static constexpr uint32_t kGenerations = 1u << 23;  // a handle stays below 2^53, where doubles are exact

  static uint32_t nextTable() {
    static std::atomic<uint32_t> tables{0};
    return tables++ & ((1u << kTableBits) - 1);
  }

  void grow() {
    if (slots_.size() >> kIndexBits) throw std::length_error("more than 2^22 tensors are alive; something keeps them");
    free_.push_back(static_cast<uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  double handleOf(uint32_t index) const {
    return double((uint64_t(slots_[index].generation) << (kIndexBits + kTableBits)) | (uint64_t(table_) << kIndexBits) | index);
  }
  static uint32_t indexOf(double handle) { return uint32_t(uint64_t(handle) & ((1u << kIndexBits) - 1)); }
  const Slot* find(double handle) const {
    if (!(handle >= 0) || handle >= 9007199254740992.0 || handle != std::floor(handle)) return nullptr;
    const uint32_t index = indexOf(handle);
    if (index >= slots_.size() || !slots_[index].live || handleOf(index) != handle) return nullptr;
    return &slots_[index];
  }

  const uint32_t table_ = nextTable();
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint32_t live_ = 0;
  uint32_t peak_ = 0;
};

}  // namespace selfsight
