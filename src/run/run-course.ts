/** What a run does in its epochs and after them, for estimates of how long it takes. */
import { allAlgorithms, phaseRecurs } from '../algorithms/registry.ts';
import type { RunCourse } from '../telemetry/time-left.ts';

/** The settings that decide it; those of the evaluation are missing in runs of earlier releases. */
export interface CourseSettings {
  readonly algorithm: string;
  readonly evaluation?: { readonly enabled: boolean; readonly maxImages: number } | undefined;
}

export interface CourseImages {
  readonly count: number;
  /** Whether they have classes, without which nothing is evaluated. */
  readonly hasClasses: boolean;
}

/** The trained network, and the one that the run began with. */
const EVALUATED_NETWORKS = 2;

/**
 * @param images null: not known, and no evaluation is reckoned with
 * @param workers of the run now
 */
export function runCourse(
  { algorithm, evaluation }: CourseSettings,
  images: CourseImages | null,
  workers: number,
): RunCourse {
  const habit = allAlgorithms().find(({ name }) => name === algorithm)?.clustering;
  const isEvaluated = evaluation?.enabled === true && images?.hasClasses === true;
  return {
    recurs: (phase) => phaseRecurs(algorithm, phase),
    clustersAtEnd: habit?.times !== 'never',
    evaluation: isEvaluated ? extractionsOf(images.count, evaluation.maxImages, workers) : 0,
  };
}

/**
 * How many extractions of all images the evaluation takes as long as. In an extraction each of W
 * workers puts 1/W of the N images through a network; in the evaluation one worker puts all n that
 * are evaluated through each of two networks, both at a time where there are two workers: each does
 * 2 / min(2, W) networks. So the evaluation takes n / (N / W) * 2 / min(2, W) extractions. The kNN
 * and the linear probe on the features come on top, and nothing of the run tells their speed.
 */
function extractionsOf(count: number, maxImages: number, workers: number): number {
  return (Math.min(count, maxImages) / count) * Math.max(EVALUATED_NETWORKS, workers);
}
