/** What is used here of a global that Node has; the language's own libraries declare it for browsers only. */
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>;
  }
  type Module = object;

  /** @param limits in pages of 64 KiB */
  const Memory: new (limits: { readonly initial: number }) => Memory;
  const Module: new (code: Uint8Array) => Module;
  const Instance: new (
    module: Module,
    imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>,
  ) => Instance;
  function validate(code: Uint8Array): boolean;
}
