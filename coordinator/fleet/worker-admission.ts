/**
 * Whether a worker fits the run: it has the run's images, and its network the layout that the first
 * worker brought. Pure; membership.ts in coordinator/control carries out.
 */
import { layoutHash, parseLayout, type ParameterLayout } from '../../src/ps/layout.ts';

/** What the first worker says about the network. */
export interface NetworkFacts {
  readonly layout: ParameterLayout;
  readonly featureDim: number;
  /** Name of the layer that is evaluated. */
  readonly representationName: string;
  readonly engine: string;
}

export interface AdmissionState {
  /** The run's images. */
  readonly images: { readonly spec: string; readonly count: number; readonly digest: string };
  /** The layout all workers must have, by its hash and as the first one sent it; null before. */
  readonly layout: { readonly hash: string; readonly json: string } | null;
}

/** What a worker says of itself once it has prepared. */
export interface Candidate {
  readonly dataDigest: string;
  readonly imageCount: number;
  readonly layoutJson: string;
  readonly featureDim: number;
  readonly representationName: string;
  readonly engine: string;
}

export type AdmissionAction =
  | { readonly type: 'admit' }
  /** Before it is admitted: the run's servers are filled for this network. */
  | { readonly type: 'setNetwork'; readonly network: NetworkFacts }
  | {
      readonly type: 'refuse';
      readonly what: 'data set' | 'parameter layout';
      readonly expected: string;
      readonly got: string;
      readonly remedy: string;
    };

export interface AdmissionDecision {
  readonly state: AdmissionState;
  readonly actions: readonly AdmissionAction[];
  readonly reason: string;
}

export function initialAdmission(images: AdmissionState['images']): AdmissionState {
  return { images, layout: null };
}

/** The given state is not changed. @throws TrainerError where the layout is none */
export function admitWorker(state: AdmissionState, candidate: Candidate): AdmissionDecision {
  const { images, layout } = state;
  if (candidate.dataDigest !== images.digest) {
    return refuse(state, {
      what: 'data set',
      expected: `${images.count} images with digest ${images.digest.slice(0, 12)} (${images.spec})`,
      got: `${candidate.imageCount} with ${candidate.dataDigest.slice(0, 12)}`,
      remedy: 'give every process the same images, with --data where they lie elsewhere',
    });
  }
  if (candidate.layoutJson === layout?.json) return admit(state);
  const parsed = parseLayout(candidate.layoutJson);
  const hash = layoutHash(parsed);
  if (layout === null) {
    const { featureDim, representationName, engine } = candidate;
    const network = { layout: parsed, featureDim, representationName, engine };
    return {
      state: { ...state, layout: { hash, json: candidate.layoutJson } },
      actions: [{ type: 'setNetwork', network }, { type: 'admit' }],
      reason: 'the first worker brings the network',
    };
  }
  if (hash === layout.hash) return admit(state);
  return refuse(state, {
    what: 'parameter layout',
    expected: layout.hash,
    got: hash,
    remedy: 'run the same release on every process',
  });
}

function admit(state: AdmissionState): AdmissionDecision {
  return { state, actions: [{ type: 'admit' }], reason: 'it fits the run' };
}

function refuse(
  state: AdmissionState,
  problem: Omit<Extract<AdmissionAction, { type: 'refuse' }>, 'type'>,
): AdmissionDecision {
  return { state, actions: [{ type: 'refuse', ...problem }], reason: `another ${problem.what}` };
}
