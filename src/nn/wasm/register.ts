/** Gives the wasm backend the kernels that training needs and upstream lacks, or has slow or wrong. */
export function registerWasmKernels(): void {
  // filled below
}
