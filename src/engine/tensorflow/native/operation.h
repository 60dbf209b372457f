// Operations of this project in the TensorFlow runtime, through its plain C API, whose ABI is stable over releases.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"

namespace deepcluster {

// An operation's attributes, read when the runtime makes a kernel for them. A missing one fails the operation.
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction) {}

  int64_t Int(const char* name) const;
  bool Bool(const char* name) const;
  float Float(const char* name) const;
  // A list of two.
  struct Pair {
    int32_t rows;
    int32_t columns;
  };
  Pair PairOf(const char* name) const;

 private:
  TF_OpKernelConstruction* const construction_;
};

using Shape = std::vector<int64_t>;

int64_t SizeOf(const Shape& shape);

// One run of an operation: its inputs and outputs. After Fail() nothing more is to be done.
class Call {
 public:
  explicit Call(TF_OpKernelContext* context);
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const Shape& ShapeOf(int input) const { return inputs_[input].shape; }
  const float* Floats(int input) const { return static_cast<const float*>(Data(input)); }
  const uint8_t* Bytes(int input) const { return static_cast<const uint8_t*>(Data(input)); }
  const int32_t* Words(int input) const { return static_cast<const int32_t*>(Data(input)); }
  // For operations that write into an input; its owner must know.
  float* MutableFloats(int input) const { return static_cast<float*>(Data(input)); }

  // Null where there is no memory for it: the operation has failed then.
  float* Output(int index, const Shape& shape);
  void Fail(const std::string& why);
  bool HasFailed() const { return has_failed_; }

 private:
  struct Input {
    TF_Tensor* tensor;
    Shape shape;
  };

  void* Data(int input) const;

  TF_OpKernelContext* const context_;
  std::vector<Input> inputs_;
  std::vector<TF_Tensor*> outputs_;
  bool has_failed_ = false;
};

// An operation as the runtime wants it described. Its element type `T`, float, is declared besides.
struct Definition {
  const char* name;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  std::vector<const char*> attributes;
  // Whether it is for GPUs, too: it runs on the processor there as well, and the runtime moves what it takes and gives.
  bool beside_gpus = false;
};

void RegisterOperation(const Definition& definition, void* (*create)(TF_OpKernelConstruction*),
                       void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*));

// Registers an operation that runs on the processor. Kernel: made of Attributes, with Compute(Call&).
template <typename Kernel>
struct Registration {
  explicit Registration(const Definition& definition) {
    RegisterOperation(
        definition,
        [](TF_OpKernelConstruction* construction) -> void* {
          return new Kernel(Attributes(construction));
        },
        [](void* kernel, TF_OpKernelContext* context) {
          Call call(context);
          if (!call.HasFailed()) static_cast<const Kernel*>(kernel)->Compute(call);
        },
        [](void* kernel) { delete static_cast<Kernel*>(kernel); });
  }
};

}  // namespace deepcluster
