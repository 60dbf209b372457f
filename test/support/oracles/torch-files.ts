/** Files that torch.save wrote, out of test/oracle/torch-files.json. */
import { readFileSync } from 'node:fs';

export interface TorchFile {
  readonly bytes: Buffer;
  /** Numbers as Python prints them; null: not floating-point. */
  readonly tensors: Readonly<
    Record<string, { readonly shape: readonly number[]; readonly numbers: string[] | null }>
  >;
}

interface Stored {
  readonly base64: string;
  readonly tensors: TorchFile['tensors'];
}

export function torchFiles(): ReadonlyMap<string, TorchFile> {
  const path = new URL('../../oracle/torch-files.json', import.meta.url);
  const { files } = JSON.parse(readFileSync(path, 'utf8')) as { files: Record<string, Stored> };
  return new Map(
    Object.entries(files).map(([name, { base64, tensors }]) => [
      name,
      { bytes: Buffer.from(base64, 'base64'), tensors },
    ]),
  );
}

export function torchFile(name: string): TorchFile {
  const file = torchFiles().get(name);
  if (file === undefined) throw new Error(`no file ${name} in torch-files.json`);
  return file;
}
