#include "operation.h"

#include <cstdio>
#include <cstring>

#include "tensorflow/c/ops.h"

namespace deepcluster {
namespace {

// A status that is deleted with its scope.
class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  TF_Status* get() const { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }

 private:
  TF_Status* const status_;
};

// `mask` of `mask: T`.
std::string NameOf(const char* spec) {
  const std::string text(spec);
  return text.substr(0, text.find(':'));
}

// What goes wrong while the addon loads leaves the operation out; the program then does without.
void Report(const Status& status, const char* name) {
  if (status.ok()) return;
  std::fprintf(stderr, "operation %s is not registered: %s\n", name, TF_Message(status.get()));
}

}  // namespace

int64_t Attributes::Int(const char* name) const {
  Status status;
  int64_t value = 0;
  TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction_, status.get());
  return value;
}

bool Attributes::Bool(const char* name) const {
  Status status;
  TF_Bool value = 0;
  TF_OpKernelConstruction_GetAttrBool(construction_, name, &value, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction_, status.get());
  return value != 0;
}

float Attributes::Float(const char* name) const {
  Status status;
  float value = 0;
  TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction_, status.get());
  return value;
}

Attributes::Pair Attributes::PairOf(const char* name) const {
  Status status;
  int32_t values[2] = {0, 0};
  TF_OpKernelConstruction_GetAttrInt32List(construction_, name, values, 2, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction_, status.get());
  return {values[0], values[1]};
}

int64_t SizeOf(const Shape& shape) {
  int64_t size = 1;
  for (const int64_t side : shape) size *= side;
  return size;
}

Call::Call(TF_OpKernelContext* context) : context_(context) {
  const int count = TF_NumInputs(context);
  for (int i = 0; i < count; ++i) {
    Status status;
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context, i, &tensor, status.get());
    if (!status.ok()) {
      Fail(TF_Message(status.get()));
      return;
    }
    Shape shape(TF_NumDims(tensor));
    for (size_t d = 0; d < shape.size(); ++d) shape[d] = TF_Dim(tensor, static_cast<int>(d));
    inputs_.push_back({tensor, shape});
  }
}

Call::~Call() {
  for (const Input& input : inputs_) TF_DeleteTensor(input.tensor);
  for (TF_Tensor* const output : outputs_) TF_DeleteTensor(output);
}

void* Call::Data(int input) const { return TF_TensorData(inputs_[input].tensor); }

float* Call::Output(int index, const Shape& shape) {
  Status status;
  TF_Tensor* const tensor =
      TF_AllocateOutput(context_, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                        SizeOf(shape) * sizeof(float), status.get());
  if (!status.ok()) {
    Fail(TF_Message(status.get()));
    return nullptr;
  }
  outputs_.push_back(tensor);
  return static_cast<float*>(TF_TensorData(tensor));
}

void Call::Fail(const std::string& why) {
  Status status;
  TF_SetStatus(status.get(), TF_INVALID_ARGUMENT, why.c_str());
  TF_OpKernelContext_Failure(context_, status.get());
  has_failed_ = true;
}

void RegisterOperation(const Definition& definition, void* (*create)(TF_OpKernelConstruction*),
                       void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*)) {
  const char* const name = definition.name;
  TF_OpDefinitionBuilder* const operation = TF_NewOpDefinitionBuilder(name);
  TF_OpDefinitionBuilderAddAttr(operation, "T: {float} = DT_FLOAT");
  for (const char* const spec : definition.attributes) TF_OpDefinitionBuilderAddAttr(operation, spec);
  for (const char* const spec : definition.inputs) TF_OpDefinitionBuilderAddInput(operation, spec);
  for (const char* const spec : definition.outputs) TF_OpDefinitionBuilderAddOutput(operation, spec);
  // What has no output is there for what it does to its inputs.
  if (definition.outputs.empty()) TF_OpDefinitionBuilderSetIsStateful(operation, true);
  Status defined;
  TF_RegisterOpDefinition(operation, defined.get());  // takes the builder over
  Report(defined, name);
  if (!defined.ok()) return;
  for (const char* const device : {"CPU", "GPU"}) {
    const bool is_gpu = std::strcmp(device, "GPU") == 0;
    if (is_gpu && !definition.beside_gpus) continue;
    TF_KernelBuilder* const kernel = TF_NewKernelBuilder(name, device, create, compute, destroy);
    if (is_gpu) {
      for (const auto* const specs : {&definition.inputs, &definition.outputs}) {
        for (const char* const spec : *specs) TF_KernelBuilder_HostMemory(kernel, NameOf(spec).c_str());
      }
    }
    Status registered;
    TF_RegisterKernelBuilder(name, kernel, registered.get());  // takes the builder over
    Report(registered, name);
  }
}

}  // namespace deepcluster
