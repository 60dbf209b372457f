/** Looks, before anything is downloaded, whether everything is there that the setup needs. */
import { statfsSync } from 'node:fs';
import { runCommand } from '../run-command.mjs';
import { Obstacle, Obstacles } from './obstacle.mjs';
import { FOLDER } from './places.mjs';

/** The compiler and the Python that the environment names, as everywhere, or the usual ones. */
export const COMPILER = process.env.CXX || 'g++';
export const PYTHON = process.env.PYTHON || 'python3';

/** Room for the wheels, unpacked, beside pip's copies of them [GiB]: 1.3 + 0.3 for the CPU alone, 8 + 4 with CUDA's. */
const ROOM_GIB = { cpu: 2, cuda: 12 };

/**
 * @param variant `cpu` or `cuda`
 * @param needsWheel whether TensorFlow itself is to be installed, or is there
 * @throws Obstacles, all that were found
 */
export async function assertReady(variant, needsWheel) {
  const found = await Promise.all([
    platformObstacle(),
    compilerObstacle(),
    ...(needsWheel ? [pythonObstacle(), roomObstacle(freeGib(), ROOM_GIB[variant])] : []),
  ]);
  const obstacles = found.filter((obstacle) => obstacle !== null);
  if (obstacles.length > 0) throw new Obstacles(obstacles);
}

function platformObstacle() {
  if (process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)) return null;
  const remedy = 'use engine wasm here, or --variant stock';
  return new Obstacle(`no TensorFlow wheel for ${process.platform} on ${process.arch}`, remedy);
}

async function compilerObstacle() {
  const { exitCode } = await runCommand([COMPILER, '--version']);
  if (exitCode === 0) return null;
  const remedy = 'install it (Debian: apt-get install g++), or name another one in CXX';
  return new Obstacle(`no C++ compiler: ${COMPILER} does not run`, remedy);
}

/** Debian splits venv and pip from Python: `python3 -m venv` then fails half way, with advice for another package. */
async function pythonObstacle() {
  const program = 'import ensurepip, sys, venv; print(sys.version_info[0])';
  const { exitCode, output } = await runCommand([PYTHON, '-c', program]);
  if (exitCode === 0) return null;
  const module = /No module named '?(\w+)/.exec(output)?.[1];
  if (module !== undefined) {
    const what = `${PYTHON} has no module ${module}`;
    return new Obstacle(what, 'install it (Debian: apt-get install python3-venv)');
  }
  const remedy = 'install it (Debian: apt-get install python3-venv), or name another one in PYTHON';
  return new Obstacle(`no Python: ${PYTHON} does not run`, remedy);
}

function freeGib() {
  const { bavail, bsize } = statfsSync(FOLDER);
  return (bavail * bsize) / 2 ** 30;
}

/** @returns {Obstacle | null} */
export function roomObstacle(free, needed) {
  if (free >= needed) return null;
  const what = `too little room on the disk of ${FOLDER}: ${free.toFixed(1)} GiB, ${needed} needed`;
  return new Obstacle(what, 'make room, or point --use at a TensorFlow that is already there');
}
