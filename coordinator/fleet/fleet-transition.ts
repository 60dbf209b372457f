/**
 * Decides about the parameter servers of a run: who is one, who is lost, when a term begins and
 * when it ends, and who may leave. Pure; server-fleet.ts carries out.
 */
import {
  missingParts,
  serverName,
  type FleetAction,
  type FleetDecision,
  type FleetEvent,
  type FleetState,
  type KnownServer,
  type ServerIdentity,
} from './fleet-state.ts';
import { claimPlace, remember } from './superseded.ts';

/** The given state is not changed. */
export function fleetTransition(
  state: FleetState,
  event: FleetEvent,
  nowMs: number,
): FleetDecision {
  switch (event.type) {
    case 'serverJoined':
      return beginIfComplete(join(state, event.server, nowMs));
    case 'serverBeat':
      return beginIfComplete(beat(state, event.server, nowMs));
    case 'serverGone':
      return isServer(state, event.server)
        ? lose(state, event.server, event.reason)
        : nothing(state, 'it was no server of the run');
    case 'leaveWished':
      return leave(state, event.server);
    case 'serversAwaited':
      return beginIfComplete(awaitServers(state));
    case 'stepsBegun': {
      const isOver = state.term !== 'begun';
      return isOver
        ? nothing(state, 'the term is over')
        : { state: { ...state, term: 'ahead' }, actions: [], reason: 'steps begin' };
    }
    case 'tick':
      return loseSilent(state, nowMs);
  }
}

function join(state: FleetState, server: ServerIdentity, nowMs: number): FleetDecision {
  const { part, incarnation } = server;
  if (part >= state.settings.parts) return refuse(state, server, 'noSuchPart');
  const earlier = state.servers.get(part);
  const place = claimPlace(state.superseded, earlier?.incarnation ?? null, incarnation);
  if (place === 'refused') return refuse(state, server, 'superseded');
  const before =
    place === 'taken' && earlier !== undefined
      ? supersede(state, earlier)
      : nothing(state, 'its part is free');
  const servers = new Map(before.state.servers).set(part, { ...server, seenMs: nowMs });
  const started: FleetAction[] = place === 'own' ? [] : [{ type: 'noteStarted', server }];
  return {
    state: { ...before.state, servers },
    actions: [...before.actions, ...started],
    reason: `${serverName(part)} is there`,
  };
}

/** What the earlier process held is not what the new one holds. */
function supersede(state: FleetState, earlier: KnownServer): FleetDecision {
  const superseded = remember(state.superseded, earlier.incarnation);
  return lose({ ...state, superseded }, earlier, 'a new process took its place');
}

/** A server that was held lost for its silence, and lives, is one again. */
function beat(state: FleetState, server: ServerIdentity, nowMs: number): FleetDecision {
  const known = state.servers.get(server.part);
  if (known === undefined && !state.superseded.has(server.incarnation)) {
    return join(state, server, nowMs);
  }
  if (known?.incarnation !== server.incarnation) {
    return nothing(state, 'another process has its part');
  }
  const servers = new Map(state.servers).set(server.part, { ...known, seenMs: nowMs });
  return { state: { ...state, servers }, actions: [], reason: 'it lives' };
}

function awaitServers(state: FleetState): FleetDecision {
  const parts = missingParts(state);
  return {
    state: { ...state, term: 'awaited' },
    actions: parts.length === 0 ? [] : [{ type: 'noteAwaited', parts }],
    reason: 'a term is to begin',
  };
}

function beginIfComplete(decision: FleetDecision): FleetDecision {
  const { state, actions } = decision;
  if (state.term !== 'awaited' || missingParts(state).length > 0) return decision;
  const servers = [...state.servers.values()].sort((a, b) => a.part - b.part);
  return {
    state: { ...state, term: 'begun' },
    actions: [...actions, { type: 'beginTerm', servers }],
    reason: 'every part has its server',
  };
}

function leave(state: FleetState, server: ServerIdentity): FleetDecision {
  if (!isServer(state, server)) {
    const actions: FleetAction[] = [{ type: 'letGo', server }];
    return { state, actions, reason: 'it is no server of the run' };
  }
  const note: FleetAction = { type: 'noteLeaving', server };
  return state.term === 'ahead'
    ? { state, actions: [note, { type: 'askRun', server }], reason: 'it holds the newest steps' }
    : {
        state,
        actions: [note, { type: 'letGo', server }],
        reason: 'a checkpoint has all it holds',
      };
}

function loseSilent(state: FleetState, nowMs: number): FleetDecision {
  let decision = nothing(state, 'no server is silent');
  for (const server of state.servers.values()) {
    const silentMs = nowMs - server.seenMs;
    if (silentMs <= state.settings.timeoutMs) continue;
    const lost = lose(decision.state, server, `no sign of life for ${Math.round(silentMs)} ms`);
    decision = { ...lost, actions: [...decision.actions, ...lost.actions] };
  }
  return decision;
}

function lose(state: FleetState, server: ServerIdentity, reason: string): FleetDecision {
  const servers = new Map(state.servers);
  servers.delete(server.part);
  const actions: FleetAction[] = [{ type: 'noteLost', server, reason }];
  const isInTerm = state.term === 'begun' || state.term === 'ahead';
  if (isInTerm) actions.push({ type: 'endTerm', server, reason });
  return { state: { ...state, servers, term: isInTerm ? 'none' : state.term }, actions, reason };
}

function refuse(
  state: FleetState,
  server: ServerIdentity,
  because: 'noSuchPart' | 'superseded',
): FleetDecision {
  return { state, actions: [{ type: 'refuse', server, because }], reason: because };
}

function isServer({ servers }: FleetState, { part, incarnation }: ServerIdentity): boolean {
  return servers.get(part)?.incarnation === incarnation;
}

function nothing(state: FleetState, reason: string): FleetDecision {
  return { state, actions: [], reason };
}
