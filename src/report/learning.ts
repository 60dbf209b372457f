/**
 * Whether a run has learnt anything, by the figures of its summary alone, and what to try where
 * it has not. Pure; a {@link RunSummary} can be given as it is.
 *
 * The measure of a loss is ln F, F the clusters that have images: a head that tells no image from
 * another, and knows no more than which clusters there are, comes to that. The measure of the
 * features are those of the same network as it was initialised: random convolutions are a fair
 * baseline (Caron et al. 2018, table 1). Raw pixels are another: features that are no better are
 * worth no training.
 */
import { formatCount, formatFixed, formatNoun, formatPercent } from './number-format.ts';
import { isBetter, standingsOf, type BaselineStanding } from './standing.ts';
import type { LearningVerdict, RunEvaluation, RunSummary } from './summary.ts';

/** Part of a summary that the verdict rests on. */
export type LearningFacts = Pick<
  RunSummary,
  'finalLoss' | 'epochs' | 'steps' | 'images' | 'clusters' | 'evaluation'
> & {
  readonly nmi: Pick<RunSummary['nmi'], 'toPrevious'>;
  /** Whether clusterings of successive epochs come nearer to each other as a run learns. */
  readonly doSettle: boolean;
  /** Whether k is only the most clusters that there may be; left out: there should be k. */
  readonly isBound?: boolean;
};

/** A loss within this part of that of guessing is that of guessing. */
const LOSS_MARGIN = 0.01;
/** Standard errors by which accuracy must rise where the loss says that nothing was learnt. */
const SURE_ERRORS = 2;
/**
 * Normalised entropy below which images lie in one or two of many clusters; sound runs have 0.8
 * and more.
 */
const COLLAPSED_ENTROPY = 0.1;
/** The same, below which it is worth a remark. */
const UNEVEN_ENTROPY = 0.5;
/** Part of the clusters that are empty from which on there are too many of them. */
const MANY_EMPTY = 0.25;
/** Images of a cluster below which its pseudo-label is little more than the image's own number. */
const FEW_IMAGES = 10;
/**
 * Images of a cluster that {@link fewerClusters} aims at, as the presets for small collections
 * have.
 */
const GOOD_IMAGES = 25;
/** Steps below which a network that begins from random values has had no time to learn. */
const FEW_STEPS = 500;
/** NMI of successive clusterings from which on they are the same: nothing moves. */
const FROZEN_NMI = 0.999;

/** What was found wrong, each with its line and what helps. */
interface Finding {
  readonly text: string;
  /** Whether it says by itself that nothing was learnt. */
  readonly isFatal: boolean;
  readonly advice: readonly string[];
}

/** A sound run has no findings; one that has learnt may have some, which say what holds it back. */
export function learningOf(facts: LearningFacts): LearningVerdict {
  const findings = [
    lossFinding(facts),
    clusterFinding(facts),
    ...probeFindings(facts),
    agreementFinding(facts),
  ].filter((finding) => finding !== null);
  const advice = findings.flatMap((finding) => finding.advice);
  return {
    learnt: !findings.some(({ isFatal }) => isFatal),
    findings: findings.map(({ text }) => withPlainSpaces(text)),
    advice: [...new Set(advice)].map(withPlainSpaces),
  };
}

/** Figures of the page keep number and unit together by spaces that few terminals know. */
function withPlainSpaces(text: string): string {
  return text.replaceAll('\u00A0', ' ');
}

function lossFinding(facts: LearningFacts): Finding | null {
  const { finalLoss, clusters, evaluation } = facts;
  const filled = clusters.k - clusters.empty;
  const guessing = Math.log(filled);
  if (!Number.isFinite(finalLoss)) {
    const text = 'the loss is not finite: the training has diverged';
    return { text, isFatal: true, advice: [lowerRates()] };
  }
  if (filled < 2 || finalLoss < (1 - LOSS_MARGIN) * guessing) return null;
  const measure = `guessing one of ${formatNoun(filled, 'cluster')} gives ln ${filled} = ${formatFixed(guessing, 3)}`;
  const isAbove = finalLoss > (1 + LOSS_MARGIN) * guessing;
  return {
    text: `the final loss is ${formatFixed(finalLoss, 3)}${isAbove ? ', worse than guessing' : ', no better than guessing'}: ${measure}`,
    isFatal: evaluation === null || !isSurelyBetter(evaluation),
    advice: isAbove ? [lowerRates(), ...moreOfIt(facts)] : [...moreOfIt(facts), changeRates()],
  };
}

function clusterFinding(facts: LearningFacts): Finding | null {
  const { k, empty, entropy } = facts.clusters;
  const { isBound = false } = facts;
  const evenness = isBound ? evennessOf(facts.clusters) : entropy;
  if (entropy < COLLAPSED_ENTROPY) {
    const text = `the clusters have collapsed: a few have nearly all images (entropy ${formatFixed(entropy, 3)} of 1)`;
    return { text, isFatal: true, advice: [lowerRates(), ...fewerClusters(facts)] };
  }
  if (!isBound && empty > MANY_EMPTY * k) {
    const text = `${formatCount(empty)} of ${formatNoun(k, 'cluster')} are empty`;
    return { text, isFatal: false, advice: fewerClusters(facts) };
  }
  if (evenness < UNEVEN_ENTROPY) {
    const text = `the clusters are filled very unevenly (entropy ${formatFixed(evenness, 3)} of 1)`;
    return { text, isFatal: false, advice: fewerClusters(facts) };
  }
  return null;
}

/** Entropy of the sizes as a share of the most that the clusters with images may have. */
function evennessOf({ k, empty, entropy }: LearningFacts['clusters']): number {
  return k - empty < 2 ? 1 : (entropy * Math.log(k)) / Math.log(k - empty);
}

/**
 * A finding for each baseline that the features are not better than. Below the initial network by
 * more than the interval is fatal.
 */
function probeFindings(facts: LearningFacts): Finding[] {
  const { evaluation } = facts;
  if (evaluation === null) return [];
  if (evaluation.gains === undefined) return figureFindings(facts, evaluation);
  const full = Math.min(evaluation.knnTop1, evaluation.linearTop1) === 1;
  return standingsOf(evaluation.gains)
    .filter(({ standing }) => !full && (standing === 'no better' || standing === 'worse'))
    .map((standing) => standingFinding(standing, evaluation, facts));
}

function standingFinding(
  { baseline, standing, text }: BaselineStanding,
  { knnTop1, randomKnnTop1, linearTop1, randomLinearTop1 }: RunEvaluation,
  facts: LearningFacts,
): Finding {
  const isBelow = knnTop1 <= randomKnnTop1 && linearTop1 <= randomLinearTop1;
  const ends =
    standing === 'worse' && baseline === 'random' ? ', which training has made worse' : '';
  return {
    text: `the trained features are ${text}${ends}`,
    isFatal: baseline === 'random' && (standing === 'worse' || isBelow),
    advice: [photosPreset(), ...moreOfIt(facts), ...(baseline === 'random' ? [changeRates()] : [])],
  };
}

/**
 * The same where no intervals are known, as in runs of earlier releases: a finding for each
 * accuracy that is no better than the initial network's; both together are fatal.
 */
function figureFindings(facts: LearningFacts, evaluation: RunEvaluation): Finding[] {
  const { knnTop1, randomKnnTop1, linearTop1, randomLinearTop1 } = evaluation;
  const isWorse = (trained: number, random: number): boolean => trained <= random && trained < 1;
  const isFatal = isWorse(knnTop1, randomKnnTop1) && isWorse(linearTop1, randomLinearTop1);
  const advice = [...moreOfIt(facts), changeRates()];
  const probes = [
    ['kNN', knnTop1, randomKnnTop1],
    ['the linear probe', linearTop1, randomLinearTop1],
  ] as const;
  return probes
    .filter(([, trained, random]) => isWorse(trained, random))
    .map(([name, trained, random]) => ({
      text: `${name} has ${formatPercent(trained)} top-1, no more than the ${formatPercent(random)} of the network as initialised`,
      isFatal,
      advice,
    }));
}

/**
 * Clusterings of successive epochs that do not move at all, or do not come nearer to each other.
 */
function agreementFinding(facts: LearningFacts): Finding | null {
  const known = facts.nmi.toPrevious.filter((nmi) => nmi !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || known.length < 2) return null;
  if (known.every((nmi) => nmi >= FROZEN_NMI)) {
    const text = `the clusters are the same in every epoch (NMI to the epoch before ${formatFixed(last, 3)}): the network does not move`;
    return { text, isFatal: false, advice: [changeRates()] };
  }
  // Of two epochs' agreements the second is lower by chance as often as not.
  if (known.length < 3 || last > first || !facts.doSettle) return null;
  const text = `the clusters do not settle: NMI to the epoch before is ${formatFixed(last, 3)} at the end, ${formatFixed(first, 3)} at the beginning`;
  return { text, isFatal: false, advice: moreOfIt(facts) };
}

/** Whether an accuracy is above the initial network's by more than its sampling error explains. */
function isSurelyBetter(evaluation: RunEvaluation): boolean {
  const over = evaluation.gains?.random;
  if (over !== undefined) return isBetter(over.knnTop1) || isBetter(over.linearTop1);
  const { knnTop1, randomKnnTop1, linearTop1, randomLinearTop1, testImages } = evaluation;
  const isSure = (trained: number, random: number): boolean => {
    const variance = (trained * (1 - trained) + random * (1 - random)) / Math.max(1, testImages);
    return trained - random > SURE_ERRORS * Math.sqrt(variance);
  };
  return isSure(knnTop1, randomKnnTop1) || isSure(linearTop1, randomLinearTop1);
}

/** More training and easier pseudo-labels, as far as the run had too little of either. */
function moreOfIt(facts: LearningFacts): string[] {
  const { epochs, steps } = facts;
  const isShort = steps < FEW_STEPS;
  const why = isShort ? `${formatNoun(steps, 'step')} are few` : 'a longer run may settle';
  const factor = isShort ? Math.ceil(FEW_STEPS / Math.max(1, steps)) : 2;
  const longer = `train for more epochs: --set epochs=${epochs * Math.max(2, factor)} (${why}; --resume goes on from here)`;
  const smaller = 'or take more steps of an epoch by a smaller training.batchSize';
  return isShort ? [longer, smaller, ...fewerClusters(facts)] : [...fewerClusters(facts), longer];
}

/** Where the clusters have few images each; small collections have presets of their own. */
function fewerClusters({ images, clusters: { k }, isBound }: LearningFacts): string[] {
  const fitting = Math.max(2, Math.round(images / GOOD_IMAGES));
  if (isBound === true || images >= FEW_IMAGES * k || fitting >= k) {
    return [];
  }
  const each = formatFixed(images / k, 1);
  return [
    `begin another run with fewer clusters: --set clustering.k=${fitting} (${formatNoun(k, 'cluster')} leave ${each} images to each; presets small-deepcluster and small-odc are made for small collections)`,
  ];
}

function photosPreset(): string {
  return 'begin another run with the preset for up to tens of thousands of photos: --preset small-photos';
}

function lowerRates(): string {
  return 'lower training.learningRate and training.headLearningRate to a tenth';
}

function changeRates(): string {
  return 'try another training.learningRate: three times as high where the loss falls slowly, a third where it jumps';
}
