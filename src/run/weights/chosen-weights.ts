/**
 * The arrays of a network among those of a file: directly, inside `state_dict` or the like, and
 * behind a prefix that a training put before the names (`module.`, `encoder_q.`). Exactly one place
 * must have them all; where none has, the nearest is taken, for the message of what is missing.
 */
import type { ModelSpec } from '../../nn/architectures.ts';
import { weightsInvalid, type GivenArray, type GivenArrays } from './weights-file.ts';

export interface ChosenWeights {
  /** By our names: those of the network that the file has, with a neck's, never a head's. */
  readonly arrays: ReadonlyMap<string, GivenArray>;
  readonly hasNeck: boolean;
  /** For people: from where, and what was left out. */
  readonly reason: string;
}

/** Our ResNets' arrays begin with it, torchvision's do not. */
const BACKBONE = 'backbone.';
const NECK = 'neck.';
/** Written by a wrapper around a part of a network, as `features.module.0.weight`. */
const WRAPPER = '.module.';
/** Counts steps, and enters no result. */
const COUNTS = 'num_batches_tracked';

/** A place in the file where names of the network begin. */
interface Candidate {
  readonly path: string;
  readonly prefix: string;
  readonly arrays: ReadonlyMap<string, GivenArray>;
  /** How many of the network's names it has. */
  readonly found: number;
}

const NOWHERE: Candidate = { path: '', prefix: '', arrays: new Map(), found: 0 };

/**
 * @param path of the file, for messages
 * @throws TrainerError CONFIG_INVALID where several places have all of the network
 */
export function chooseWeights(
  path: string,
  { layout }: Pick<ModelSpec, 'layout'>,
  given: readonly GivenArrays[],
): ChosenWeights {
  const body = layout.variables.filter(({ group }) => group === 'body');
  const names = [...body, ...layout.statistics].map(({ name }) => name);
  const required = names.filter((name) => !name.startsWith(NECK));
  const own = required.every((name) => name.startsWith(BACKBONE)) ? BACKBONE : '';
  const bare = required.map((name) => name.slice(own.length));
  const candidates = given.flatMap((dict) => candidatesIn(dict, bare, own));
  const whole = candidates.filter(({ found }) => found === bare.length);
  if (whole.length > 1) throw severalFit(path, whole);
  const nearest = candidates.toSorted((a, b) => b.found - a.found)[0];
  const chosen = whole[0] ?? nearest ?? NOWHERE;

  const arrays = new Map<string, GivenArray>();
  const used = new Set<string>();
  const take = (name: string, theirs: string): void => {
    const array = chosen.arrays.get(theirs);
    if (array === undefined) return;
    arrays.set(name, array);
    used.add(theirs);
  };
  for (const name of bare) take(`${own}${name}`, `${chosen.prefix}${name}`);
  // A neck lies beside the backbone, not within it.
  const isWithin = own !== '' && chosen.prefix.endsWith(own);
  const beside = isWithin ? chosen.prefix.slice(0, -own.length) : chosen.prefix;
  for (const name of names.filter((name) => name.startsWith(NECK))) take(name, `${beside}${name}`);
  const hasNeck = [...arrays.keys()].some((name) => name.startsWith(NECK));
  return { arrays, hasNeck, reason: reasonOf(chosen, used) };
}

/** @param own prefix of the network's names here, which `bare` ones are without */
function candidatesIn(
  { path, arrays }: GivenArrays,
  bare: readonly string[],
  own: string,
): Candidate[] {
  const unwrapped = new Map([...arrays].map(([name, array]) => [unwrap(name), array]));
  const first = bare[0] ?? '';
  const prefixes = [...unwrapped.keys()]
    .filter((name) => name.endsWith(`.${first}`))
    .map((name) => name.slice(0, name.length - first.length));
  return [...new Set(['', own, ...prefixes])].map((prefix) => {
    const found = bare.filter((name) => unwrapped.has(`${prefix}${name}`)).length;
    return { path, prefix, arrays: unwrapped, found };
  });
}

function unwrap(name: string): string {
  return name.replaceAll(WRAPPER, '.');
}

function placeOf({ path, prefix }: Candidate): string {
  const within = path === '' ? 'the file' : shown(path);
  return prefix === '' ? within : `${within} under ${shown(prefix)}`;
}

function shown(name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}…` : name;
}

function severalFit(path: string, whole: readonly Candidate[]): Error {
  const places = whole.slice(0, 4).map(placeOf).join(', ');
  return weightsInvalid(
    path,
    `has the network ${whole.length} times (${places}); save one of them alone, in Python: ` +
      'torch.save({name.removeprefix(PREFIX): a for name, a in arrays.items() if name.startswith(PREFIX)}, FILE)',
  );
}

function reasonOf(chosen: Candidate, used: ReadonlySet<string>): string {
  const left = [...chosen.arrays.keys()].filter((n) => !used.has(n) && !n.endsWith(COUNTS));
  const some = left.slice(0, 4).map(shown).join(', ');
  const more = left.length > 4 ? ` and ${left.length - 4} more` : '';
  const rest = left.length === 0 ? '' : `; left out: ${some}${more}`;
  return `${used.size} arrays of ${placeOf(chosen)}${rest}`;
}
