/** The evaluation of a run as its summary has it. */
import type { Estimate } from '../../evaluation/confidence.ts';
import type { ComparedScores, OfNetworks } from '../../evaluation/gains.ts';
import type { EvaluationIntervals, RunEvaluation } from '../../report/summary.ts';

type Measured = Pick<RunEvaluation, 'feature' | 'trainImages' | 'testImages' | 'classes'>;

export function runEvaluationOf(scores: ComparedScores, measured: Measured): RunEvaluation {
  const { knnTop1, linearTop1, kmeansNmi, gains } = scores;
  return {
    ...measured,
    knnTop1: knnTop1.trained.value,
    linearTop1: linearTop1.trained.value,
    randomKnnTop1: knnTop1.random.value,
    randomLinearTop1: linearTop1.random.value,
    pixelsKnnTop1: knnTop1.pixels.value,
    pixelsLinearTop1: linearTop1.pixels.value,
    kmeansNmi: kmeansNmi.trained.value,
    randomKmeansNmi: kmeansNmi.random.value,
    pixelsKmeansNmi: kmeansNmi.pixels.value,
    intervals: intervalsOf(scores),
    gains,
  };
}

export function intervalsOf(scores: ComparedScores): EvaluationIntervals {
  const halves = ({ trained, random, pixels }: OfNetworks<Estimate>): OfNetworks<number> => ({
    ...{ trained: trained.interval, random: random.interval, pixels: pixels.interval },
  });
  return {
    from: scores.intervalsFrom,
    knnTop1: halves(scores.knnTop1),
    linearTop1: halves(scores.linearTop1),
    kmeansNmi: halves(scores.kmeansNmi),
  };
}

export function valuesOf({ trained, random, pixels }: OfNetworks<Estimate>): OfNetworks<number> {
  return { trained: trained.value, random: random.value, pixels: pixels.value };
}
