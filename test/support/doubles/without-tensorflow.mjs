/** For `node --import`: a process that has no native addon, whatever is set up on this machine. */
import { register } from 'node:module';

const hook = `export async function resolve(specifier, context, next) {
  if (specifier.includes('@tensorflow/tfjs-node-gpu')) throw new Error('hidden from this process');
  return next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
