/**
 * Named places in the code where a test lets a process die, wait or be cut off: those between two
 * effects that must not be torn apart. Off, a place costs one comparison. What happens there is the
 * business of who arms them; nothing else reads them.
 */

export type FailpointName =
  /** The run's folder is claimed; who had it before can still put something into it. */
  | 'folder.claimed'
  /** The servers are filled and the run's position is known. */
  | 'coordinator.begun'
  /** Pseudo-labels are there; the head is still the old one. */
  | 'coordinator.clustered'
  /** Every server has the new head; no checkpoint knows of it. */
  | 'coordinator.headReset'
  /** The clusters of the final parameters are there; no checkpoint has them. */
  | 'coordinator.finallyClustered'
  /** All slices of a step were reported. */
  | 'coordinator.computed'
  /** Every server has all slices; none has applied them. */
  | 'coordinator.prepared'
  /** A server has applied the step; others perhaps not. */
  | 'coordinator.partCommitted'
  /** Every server has applied the step; it does not count yet. */
  | 'coordinator.committed'
  /** The step is in the ledger. */
  | 'coordinator.counted'
  /** A checkpoint's content is here; nothing of it is on disk. */
  | 'coordinator.snapshotTaken'
  /** All files of a checkpoint are on disk, under a name that does not count. */
  | 'checkpoint.filesWritten'
  /** It has its name; `LATEST` names another. */
  | 'checkpoint.named'
  /** A block of images is among the parts of an embedding. */
  | 'embedding.blockWritten'
  /** All parts are there; the file that they make is not. */
  | 'embedding.assembled'
  | 'server.restored'
  | 'server.staged'
  | 'server.beforeApply'
  /** Parameters have moved; memory rows, if there are any, have not. */
  | 'server.betweenHalves'
  | 'server.afterApply'
  | 'server.headReset'
  /** An order's turn has come. */
  | 'worker.ordered'
  /** A server has staged its share of a push; others perhaps not. */
  | 'worker.partPushed'
  /** Every server has staged the push; the coordinator does not know. */
  | 'worker.pushed'
  /** The coordinator has answered. */
  | 'worker.submitted';

/** Where in the run: `step`, `slice`, `epoch`, `part`, as far as the place knows them. */
export type FailpointFacts = Readonly<Record<string, number>>;

/** May throw, and may not come back. */
export type FailpointHandler = (name: FailpointName, facts: FailpointFacts) => void;

let handler: FailpointHandler | null = null;

/** From now on every place calls this; null: none does. */
export function armFailpoints(armed: FailpointHandler | null): void {
  handler = armed;
}

/** This place has been reached. */
export function hitFailpoint(name: FailpointName, facts: FailpointFacts = {}): void {
  if (handler !== null) handler(name, facts);
}
