/**
 * The parameter servers of a run as plain values: which parts have one, whose sign of life is how
 * old, which processes were replaced, and whether a term has them. fleet-transition.ts decides what
 * an event changes.
 */

export interface FleetSettings {
  readonly parts: number;
  /** A server silent for this long is lost [ms]. */
  readonly timeoutMs: number;
}

/** A server process as it says hello. */
export interface ServerIdentity {
  readonly part: number;
  readonly incarnation: string;
  readonly pid: number;
  readonly address: string;
}

export interface KnownServer extends ServerIdentity {
  readonly seenMs: number;
}

/**
 * `none`: no term needs servers; `awaited`: one begins as soon as every part has its server;
 * `begun`: they serve one, and a checkpoint has all that they hold; `ahead`: they hold steps that
 * no checkpoint may have.
 */
export type TermStage = 'none' | 'awaited' | 'begun' | 'ahead';

export interface FleetState {
  readonly settings: FleetSettings;
  /** By part. */
  readonly servers: ReadonlyMap<number, KnownServer>;
  /**
   * Incarnations whose place another process took: two processes of one part would end each other's
   * terms for ever.
   */
  readonly superseded: ReadonlySet<string>;
  readonly term: TermStage;
}

export type FleetEvent =
  | { readonly type: 'serverJoined'; readonly server: ServerIdentity }
  | { readonly type: 'serverBeat'; readonly server: ServerIdentity }
  | { readonly type: 'serverGone'; readonly server: ServerIdentity; readonly reason: string }
  /** It was asked to end, and would like to. */
  | { readonly type: 'leaveWished'; readonly server: ServerIdentity }
  /** A term is to begin. */
  | { readonly type: 'serversAwaited' }
  /** The term has filled its servers, and its steps are about to begin. */
  | { readonly type: 'stepsBegun' }
  | { readonly type: 'tick' };

/** In the order in which they are carried out. */
export type FleetAction =
  | {
      readonly type: 'refuse';
      readonly server: ServerIdentity;
      readonly because: 'noSuchPart' | 'superseded';
    }
  | { readonly type: 'noteStarted'; readonly server: ServerIdentity }
  | { readonly type: 'noteAwaited'; readonly parts: readonly number[] }
  | { readonly type: 'noteLost'; readonly server: ServerIdentity; readonly reason: string }
  | { readonly type: 'noteLeaving'; readonly server: ServerIdentity }
  /** With one server for each part, in their order. */
  | { readonly type: 'beginTerm'; readonly servers: readonly KnownServer[] }
  /** What the server held is gone. */
  | { readonly type: 'endTerm'; readonly server: ServerIdentity; readonly reason: string }
  /** The run takes a checkpoint, and lets the server go then. */
  | { readonly type: 'askRun'; readonly server: ServerIdentity }
  | { readonly type: 'letGo'; readonly server: ServerIdentity };

export interface FleetDecision {
  readonly state: FleetState;
  readonly actions: readonly FleetAction[];
  readonly reason: string;
}

/** The state before the first server. */
export function initialFleet(settings: FleetSettings): FleetState {
  return { settings, servers: new Map(), superseded: new Set(), term: 'none' };
}

/** Parts that have no server. */
export function missingParts({ settings, servers }: FleetState): readonly number[] {
  return Array.from({ length: settings.parts }, (_, part) => part).filter(
    (part) => !servers.has(part),
  );
}

export function serverName(part: number): string {
  return `server-${part}`;
}
