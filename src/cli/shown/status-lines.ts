/** The status of a run in lines for a person. */
import { join } from 'node:path';
import { resumeCommand } from '../../messages/command-line.ts';
import { isOver, type RunStatus, type WorkerState } from '../../run/status/run-status.ts';
import { formatSeconds } from '../../telemetry/progress-view.ts';

/** Events that are shown of those that are known. */
const EVENTS_SHOWN = 5;

/** @param nowMs for the age of the checkpoint */
export function statusLines(status: RunStatus, nowMs: number): string[] {
  const rows: [string, string][] = [
    ['run', runOf(status)],
    ...(status.coordinator === null ? [] : [row('coordinator', status.coordinator)]),
    ['state', stateOf(status)],
    ...(status.phase === '' && status.step === 0 ? [] : [row('at', positionOf(status))]),
    ...pace(status),
    ...(status.collapsed === '' ? [] : [row('collapsed', status.collapsed)]),
    ...checkpointOf(status, nowMs),
    ...block('workers', status.workers.map(workerLine)),
    ...block(
      'events',
      status.events.slice(-EVENTS_SHOWN).map(({ ts, event, reason }) => {
        return `${clockTime(ts)} ${event}: ${reason}`;
      }),
    ),
    ...nextOf(status),
  ];
  return rows.map(([name, text]) => `${name.padEnd(11)} ${text}`);
}

/** In one line, for a pipe: `running, epoch 2/18 train 12/38 steps, loss 3.571, …` */
export function statusLine(status: RunStatus): string {
  const { state, reason, workers } = status;
  return [
    reason === '' ? state : `${state} (${reason})`,
    ...(status.phase === '' ? [] : [positionOf(status)]),
    ...pace(status).map(([name, text]) => `${name} ${text}`),
    ...(isOver(status) ? [] : [count(workers.length, 'worker')]),
  ].join(', ');
}

/** What a line in a pipe is for: it is written where this is another than before. */
export function turnOf({ state, reason, epoch, phase, workers, term }: RunStatus): string {
  const names = workers.map(({ workerId }) => workerId);
  // Some reasons count seconds.
  const isCounting = state === 'silent' || state === 'listing';
  return JSON.stringify([state, isCounting ? '' : reason, epoch, phase, names, term]);
}

function row(name: string, text: string): [string, string] {
  return [name, text];
}

function runOf({ runId, algorithm, folder }: RunStatus): string {
  const what = algorithm === null ? '' : `, ${algorithm}`;
  const where = folder === null ? '' : ` in ${folder}`;
  return `${runId ?? 'not begun'}${what}${where}`;
}

function stateOf({ state, reason, term }: RunStatus): string {
  const since = term === null || term < 2 ? '' : `, term ${term}`;
  return `${state}${reason === '' ? '' : `: ${reason}`}${since}`;
}

function positionOf({ state, epoch, epochs, phase, step, stepsOfEpoch }: RunStatus): string {
  if (state === 'finished') return `${count(epochs, 'epoch')}, ${count(step, 'step')}`;
  // People count from 1. After the last epoch comes a last clustering, then the evaluation.
  const after = phase === 'evaluate' || phase === '' ? phase : `final ${phase}`;
  const place = epoch >= epochs ? after : `epoch ${epoch + 1}/${epochs} ${phase}`;
  if (stepsOfEpoch === null) return `${place}, ${count(step, 'step')} in all`.trim();
  return `${place} ${stepsOfEpoch.done}/${stepsOfEpoch.total} steps, ${step} in all`;
}

function pace({ lastLoss, imagesPerSecond, secondsLeft }: RunStatus): [string, string][] {
  const facts: [string, string][] = [];
  if (lastLoss !== null) facts.push(['loss', lastLoss.toFixed(3)]);
  if (imagesPerSecond !== null) facts.push(['speed', `${imagesPerSecond.toFixed(0)} images/s`]);
  if (secondsLeft !== null) facts.push(['left', `about ${formatSeconds(secondsLeft)}`]);
  return facts;
}

function checkpointOf({ checkpoint }: RunStatus, nowMs: number): [string, string][] {
  if (checkpoint === null) return [];
  const seconds = Math.max(0, (nowMs - Date.parse(checkpoint.ts)) / 1000);
  return [['checkpoint', `of step ${checkpoint.step}, ${formatSeconds(seconds)} ago`]];
}

function workerLine(worker: WorkerState): string {
  const { workerId, ordersInFlight, shardsHeld, residentRows, standsBy } = worker;
  if (standsBy) return `${workerId}: stands by until another worker leaves`;
  if (ordersInFlight === null) return workerId;
  return `${workerId}: ${count(ordersInFlight, 'order')}, ${residentRows} feature rows of ${count(shardsHeld ?? 0, 'data shard')}`;
}

function nextOf(status: RunStatus): [string, string][] {
  const { state, folder } = status;
  if (folder === null) return [];
  if (state === 'finished') return [['report', join(folder, 'report.html')]];
  if (!isOver(status)) return [];
  return [['next', `continue with: ${resumeCommand(folder)}`]];
}

/** Lines under one name. */
function block(name: string, lines: readonly string[]): [string, string][] {
  return lines.map((line, i) => [i === 0 ? name : '', line]);
}

/** `11:39:41`, where this process is. */
function clockTime(ts: string): string {
  const date = new Date(ts);
  return Number.isNaN(date.getTime()) ? '' : date.toTimeString().slice(0, 8);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
