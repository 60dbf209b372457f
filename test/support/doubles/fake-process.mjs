/**
 * A process of a run, as the launcher sees one, without the run: plays the part that its first argument, a JSON object, gives
 * it, in this order. Plain JavaScript, so that it starts fast.
 */
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';

const part = JSON.parse(process.argv[2]);

/** Waits for all notices to leave, then ends. */
function exit(code) {
  process.send({ type: 'remark', text: 'last words' }, () => process.exit(code));
}

if (part.pids) appendFileSync(part.pids, `${process.pid}\n`);
// What a SIGTERM does: an exit code, or 'ignore'.
process.on('SIGTERM', () => {
  if (part.onTerm !== 'ignore') exit(part.onTerm ?? 75);
});
// The launcher is gone.
process.on('disconnect', () => process.exit(75));

// Dies by SIGKILL the first `deaths` times that it is started, counted in the file `attempts`.
if (part.attempts) {
  appendFileSync(part.attempts, '.');
  if (readFileSync(part.attempts, 'utf8').length <= part.deaths)
    process.kill(process.pid, 'SIGKILL');
}
for (const line of part.prints ?? []) process.stderr.write(`${line}\n`);
for (const notice of part.says ?? []) process.send(notice);
if (part.touches) writeFileSync(part.touches, '');

function end() {
  for (const notice of part.saysAtEnd ?? []) process.send(notice);
  if (part.kills) process.kill(process.pid, 'SIGKILL');
  // Without an exit code it stays until it is stopped.
  if (part.exit === undefined) setInterval(() => undefined, 60_000);
  else exit(part.exit);
}

/** Goes on once the file `waitsFor` is there. */
function wait() {
  if (part.waitsFor && !existsSync(part.waitsFor)) setTimeout(wait, 5);
  else end();
}
wait();
