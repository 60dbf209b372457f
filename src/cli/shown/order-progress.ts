/**
 * Long orders of several workers as one progress: what the slowest of them is at, added up over
 * all.
 */
import type { OrderProgress } from '../../telemetry/notice.ts';

/** One worker's order. */
interface Order {
  readonly phase: string;
  readonly about: string;
  /** By name, in their order. */
  readonly parts: Map<string, OrderProgress>;
}

export class OrdersProgress {
  /** By the worker's id. */
  readonly #orders = new Map<string, Order>();

  /** @returns what to show, its phase such as `evaluate features (random, trained)` */
  note(
    id: string,
    progress: OrderProgress,
  ): Pick<OrderProgress, 'phase' | 'done' | 'total' | 'unit'> {
    const { phase, about, part } = progress;
    const before = this.#orders.get(id);
    const isSame = before?.phase === phase && before.about === about;
    const order = isSame ? before : { phase, about, parts: new Map<string, OrderProgress>() };
    order.parts.set(part, progress);
    this.#orders.set(id, order);
    const orders = [...this.#orders.values()].filter((other) => other.phase === phase);
    const name = slowestPart(orders) ?? part;
    const same = orders.flatMap(({ parts }) => parts.get(name) ?? []);
    const abouts = [...new Set(same.map((each) => each.about))].sort().join(', ');
    return {
      phase: `${phase} ${name} (${abouts})`,
      done: sum(same.map(({ done }) => done)),
      total: sum(same.map(({ total }) => total)),
      unit: same[0]?.unit ?? progress.unit,
    };
  }
}

/** The first part that some order has begun and not ended; undefined where all have. */
function slowestPart(orders: readonly Order[]): string | undefined {
  const names = new Set(orders.flatMap(({ parts }) => [...parts.keys()]));
  return [...names].find((name) =>
    orders.some(({ parts }) => {
      const part = parts.get(name);
      return part !== undefined && part.done < part.total;
    }),
  );
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
