#!/usr/bin/env node
/**
 * The program's entry. In a checkout it runs the sources through tsx, in this very process, so that signals and the
 * launcher's channel reach it directly; an installed package has no sources and runs its compiled JavaScript.
 */
import { existsSync } from 'node:fs';
import { missingPackage, openFilesLimit, refuse, startProblem } from './preflight.mjs';

// Until it is known what a hangup means: nohup's own answer does not outlast the start of Node.
let isHungUp = false;
const noteHangup = () => {
  isHungUp = true;
};
process.on('SIGHUP', noteHangup);

const source = new URL('../src/cli/main.ts', import.meta.url);
const isCheckout = existsSync(source);
const problem = startProblem(isCheckout);
if (problem !== null) refuse(problem);

async function load(name) {
  const compiled = new URL(`../dist/src/cli/${name}.js`, import.meta.url);
  return import(
    isCheckout ? new URL(`../src/cli/${name}.ts`, import.meta.url).href : compiled.href
  );
}

async function loadProgram() {
  try {
    if (isCheckout) (await import('tsx/esm/api')).register();
    return { ...(await load('main')), ...(await load('hangup')) };
  } catch (error) {
    const line = missingPackage(error, isCheckout);
    if (line !== null) refuse(line);
    throw error;
  }
}

const { runCli, outliveReaders, settleHangup } = await loadProgram();
// Stdout is for results: libraries that greet or warn by console.log do so on stderr.
console.log = console.error;
console.info = console.error;
const { env, stdout, stderr } = process;
outliveReaders([stdout, stderr]);
settleHangup();
process.off('SIGHUP', noteHangup);
if (isHungUp) process.kill(process.pid, 'SIGHUP');
const exitCode = await runCli(process.argv.slice(2), {
  ...{ env, stdout, stderr },
  openFiles: openFilesLimit(),
});
// A pipe may not have taken everything yet.
await new Promise((resolve) => stdout.write('', resolve));
process.exit(exitCode);
