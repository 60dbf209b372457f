/**
 * Exports the network of a run: encodes it, writes it, reads it back, and puts a card beside it.
 * An export that does not compute as the run does is an error, and is not kept.
 */
import type { Engine } from '../engine/engine.ts';
import type { EngineChoice } from '../engine/registry.ts';
import { startEngine } from '../engine/start.ts';
import { openRun } from '../run/open-run.ts';
import { cardOf } from './card.ts';
import { contentOf, type ContentOptions } from './content.ts';
import type { ExportFormat, Original, ReadBack } from './format.ts';
import type { FormatName } from './format-names.ts';
import type { GraphOutput } from './graph/builder.ts';
import { ONNX } from './onnx/format.ts';
import { placeOf, requireFree, writeChecked } from './place.ts';
import { probeEngine, type Probe } from './probe.ts';
import { SAFETENSORS } from './safetensors.ts';
import { writeSample } from './sample.ts';
import { SAVED_MODEL } from './tensorflow/saved-model.ts';
import { TFJS } from './tensorflow/tfjs-format.ts';

export interface ExportRequest extends ContentOptions {
  /** Folder of the run. */
  readonly run: string;
  readonly format: FormatName;
  /** File or folder to write. */
  readonly out: string;
  /** Whether an export that lies there may be replaced. */
  readonly force: boolean;
  /** File to write a few images to, and what the engine makes of them; null: none. */
  readonly sample: string | null;
  /** Computes what the export is compared with. */
  readonly engine: EngineChoice;
  /** Told of checkpoints that are damaged. */
  readonly onRejected: (name: string, reason: string) => void;
}

export interface Exported {
  readonly out: string;
  readonly card: string;
  readonly sample: string | null;
  readonly format: FormatName;
  readonly bytes: number;
  readonly runId: string;
  readonly architecture: string;
  readonly checkpoint: string;
  readonly step: number;
  readonly outputs: readonly Pick<GraphOutput, 'name' | 'type' | 'shape'>[];
  readonly readBack: ReadBack;
}

const FORMATS: Readonly<Record<FormatName, ExportFormat>> = {
  safetensors: SAFETENSORS,
  onnx: ONNX,
  savedmodel: SAVED_MODEL,
  tfjs: TFJS,
};

/**
 * @throws TrainerError CONFIG_INVALID for a run or a place that will not do, INTERNAL for an
 * export that differs
 */
export async function exportRun(request: ExportRequest): Promise<Exported> {
  const format = FORMATS[request.format];
  const place = placeOf(request.out, format);
  await requireFree(place, format, request.force);
  const run = await openRun(request.run, request.onRejected);
  const content = contentOf(run, request);
  const encoded = format.encode(content);
  const original = originalOf(content, request.engine);
  try {
    const { bytes, checked, writeCard } = await writeChecked(place, format, encoded, (path) =>
      format.readBack(path, original),
    );
    await writeCard(cardOf(content, format, encoded, place));
    if (request.sample !== null) await writeSample(request.sample, (await original.probe()).probe);
    const { runId, checkpoint, step } = run;
    const { architecture } = content.spec;
    const outputs = encoded.outputs.map(({ name, type, shape }) => ({ name, type, shape }));
    const { format: name, sample } = request;
    return {
      ...{ ...place, format: name, bytes, runId, architecture, checkpoint, step },
      ...{ outputs, sample, readBack: checked },
    };
  } finally {
    await original.close();
  }
}

/** The engine is started when it is asked for. */
function originalOf(
  content: Original['content'],
  choice: EngineChoice,
): Original & { close: () => Promise<void> } {
  let asked: Promise<{ engine: Engine; probe: Probe }> | null = null;
  const ask = async (): Promise<{ engine: Engine; probe: Probe }> => {
    const engine = await startEngine(choice);
    return { engine, probe: probeEngine(content, engine) };
  };
  return {
    content,
    probe: () => (asked ??= ask()),
    close: async () => {
      const { engine } = (await asked?.catch(() => null)) ?? {};
      await engine?.close();
    },
  };
}
