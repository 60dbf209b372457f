/**
 * The entry of a thread of a team: it says that it is ready, and then serves until the process ends
 * or ends it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { instantiateKernels } from '../kernels/kernels.ts';
import { JobBoard, type ThreadStart } from './team.ts';

const { module, memory, board, thread } = workerData as ThreadStart;
const kernels = instantiateKernels(module, memory);
parentPort!.postMessage('ready');
new JobBoard(board).serve(kernels, thread);
