/**
 * The parameter layout: which named variables a network has and where each lies in the flat
 * vectors. Plain data, so that coordinator and parameter server need no tensor library: it travels
 * as JSON, with its hash. Shapes: P trainable parameters, S batch-norm statistics; both vectors are
 * flat float32.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { messageOf, protocolViolation, shapeMismatch } from '../errors.ts';
import { firstIssue } from '../messages/schema-issue.ts';

/** How a variable begins: drawn by the run's seed and the variable's name, or constant. */
export type InitialRule =
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'constant'; readonly value: number };

/**
 * `body` has momentum and lives through the run; `head` is made anew at each clustering and has
 * none.
 */
export type VariableGroup = 'body' | 'head';

export interface VariableSpec {
  /** The name PyTorch's reference gives it, for instance `features.0.weight`. */
  readonly name: string;
  /** In the engine's order: convolutions [kh, kw, in, out], fully connected [in, out]. */
  readonly shape: readonly number[];
  readonly group: VariableGroup;
  readonly initial: InitialRule;
  /** First element in the flat parameter vector [P]. */
  readonly offset: number;
  /** Elements. */
  readonly size: number;
  /**
   * In the layout of a parameter shard: elements of the variable that lie before these, on other
   * servers.
   */
  readonly skipped?: number;
  /** Likewise, of a variable that a cut goes through: dimensions and elements of the whole one. */
  readonly rank?: number;
  readonly wholeSize?: number;
}

export interface StatisticSpec {
  /** For instance `features.1.running_mean`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: InitialRule;
  /**
   * Weight of the newest batch in the running value, where it is not the one configured for all.
   */
  readonly momentum?: number | undefined;
  /** First element in the flat statistics vector [S]. */
  readonly offset: number;
  readonly size: number;
  readonly skipped?: number;
  readonly rank?: number;
  readonly wholeSize?: number;
}

export interface ParameterLayout {
  readonly architecture: string;
  /** In order of offset, without gaps; the head's variables are last. */
  readonly variables: readonly VariableSpec[];
  /** In order of offset, without gaps. */
  readonly statistics: readonly StatisticSpec[];
  /** P */
  readonly parameterCount: number;
  /** S */
  readonly statisticCount: number;
}

/**
 * A hash that every rpc on parameters carries: peers of different layouts never mix their numbers.
 */
export function layoutHash(layout: ParameterLayout): string {
  return createHash('sha256').update(JSON.stringify(layout)).digest('hex').slice(0, 16);
}

/**
 * Elements of one vector on a server or on the wire at most: 2 GiB of float32, what one typed array
 * safely holds.
 */
export const MAX_VECTOR_ELEMENTS = 2 ** 29;

/**
 * Of a whole network, on two servers or more. More is refused before memory is taken: layouts
 * arrive over the wire.
 */
const MAX_ELEMENTS = 2 * MAX_VECTOR_ELEMENTS;

const initialRuleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('normal'), std: z.number().min(0) }),
  z.strictObject({ kind: z.literal('constant'), value: z.number() }),
]);

const statisticSchema = z.strictObject({
  /** Also the array's name in checkpoints and exports, hence the narrow alphabet. */
  name: z
    .string()
    .max(200)
    .regex(/^[A-Za-z][\w./-]*$/),
  shape: z.array(z.int().min(1).max(MAX_ELEMENTS)).max(8),
  initial: initialRuleSchema,
  momentum: z.number().gt(0).max(1).optional(),
  offset: z.int().min(0).max(MAX_ELEMENTS),
  size: z.int().min(1).max(MAX_ELEMENTS),
});

const layoutSchema = z.strictObject({
  architecture: z.string().min(1).max(200),
  variables: z
    .array(statisticSchema.extend({ group: z.enum(['body', 'head']) }))
    .min(1)
    .max(10_000),
  statistics: z.array(statisticSchema).max(10_000),
  parameterCount: z.int().min(1).max(MAX_ELEMENTS),
  statisticCount: z.int().min(0).max(MAX_ELEMENTS),
});

/**
 * A layout that arrived as JSON, checked. What is returned hashes as the sender's does: its keys
 * keep their order.
 * @throws TrainerError PROTOCOL_VIOLATION, SHAPE_MISMATCH
 */
export function parseLayout(json: string): ParameterLayout {
  let layout: unknown;
  try {
    layout = JSON.parse(json);
  } catch (cause) {
    throw protocolViolation('parameter layout', 'JSON', messageOf(cause), REMEDY);
  }
  validateLayout(layout);
  return layout;
}

/**
 * Checks form and arithmetic: offsets without gaps, sizes, counts, unique names, the head last.
 * @throws TrainerError PROTOCOL_VIOLATION, SHAPE_MISMATCH
 */
export function validateLayout(layout: unknown): asserts layout is ParameterLayout {
  const parsed = layoutSchema.safeParse(layout);
  if (!parsed.success) {
    const got = `another ${firstIssue(parsed.error)}`;
    throw protocolViolation('parameter layout', 'its documented form', got, REMEDY);
  }
  const { variables, statistics, parameterCount, statisticCount } = parsed.data;
  requirePacked('parameters', variables, parameterCount);
  requirePacked('statistics', statistics, statisticCount);
  const firstHead = variables.findIndex(({ group }) => group === 'head');
  const misplaced = variables.find(({ group }, i) => i > firstHead && group === 'body');
  if (firstHead >= 0 && misplaced !== undefined) {
    throw protocolViolation(
      'parameter layout',
      'the head last',
      `${misplaced.name} behind it`,
      REMEDY,
    );
  }
}

/** Elements of the body; the head is the tail of the flat vector that begins here. */
export function bodyCount(layout: ParameterLayout): number {
  return layout.variables.find(({ group }) => group === 'head')?.offset ?? layout.parameterCount;
}

/**
 * Whether it is a scale, a shift or a bias, which decays and LARS may leave out; so is a part of
 * one.
 */
export function isVector({ shape, rank }: Pick<VariableSpec, 'shape' | 'rank'>): boolean {
  return (rank ?? shape.length) === 1;
}

const REMEDY = 'run the same release on every process';

function requirePacked(what: string, specs: readonly StatisticSpec[], count: number): void {
  const names = new Set<string>();
  let end = 0;
  for (const { name, shape, offset, size } of specs) {
    if (names.has(name)) throw protocolViolation(what, 'unique names', `${name} twice`, REMEDY);
    names.add(name);
    const elements = shape.reduce((product, side) => product * side, 1);
    if (elements !== size) throw shapeMismatch(`size of ${name}`, [elements], [size]);
    if (offset !== end) throw protocolViolation(`offset of ${name}`, end, offset, REMEDY);
    end += size;
  }
  if (end !== count) throw shapeMismatch(`count of ${what}`, [end], [count]);
}
