/** What a format of exports is. */
import type { Engine } from '../engine/engine.ts';
import type { GraphOutput } from './graph/builder.ts';
import type { ExportContent } from './content.ts';
import type { Probe } from './probe.ts';

/** A file of an export, in pieces. */
export interface ExportFile {
  /** Within the export's folder; empty where the export is this one file. */
  readonly path: string;
  readonly chunks: readonly Uint8Array[];
}

export interface EncodedExport {
  readonly files: readonly ExportFile[];
  readonly outputs: readonly GraphOutput[];
}

/** What reading an export back has shown. */
export interface ReadBack {
  /** How it was compared, as the rest of a sentence that starts with "read back: ". */
  readonly says: string;
  /**
   * Largest difference of an output from the engine's, by the largest number of that output;
   * null: bits were compared.
   */
  readonly difference: number | null;
}

/** What a read-back compares with. */
export interface Original {
  readonly content: ExportContent;
  /** Starts an engine on first use, and asks it. */
  readonly probe: () => Promise<{ readonly engine: Engine; readonly probe: Probe }>;
}

export interface ExportFormat {
  readonly name: string;
  /** Whether the export is a folder of files. */
  readonly isFolder: boolean;
  /** For people. */
  readonly says: string;
  encode(content: ExportContent): EncodedExport;
  /**
   * Loads what was written and compares it with the run.
   * @param path of the file, or of the folder
   * @throws TrainerError INTERNAL where it differs
   */
  readBack(path: string, original: Original): Promise<ReadBack>;
}
