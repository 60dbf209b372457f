/** For `node --import`: the TensorFlow addon is as if it was never set up, in this process alone. */
import { register } from 'node:module';

const hooks = `
export function resolve(specifier, context, next) {
  if (specifier.includes('@tensorflow/tfjs-node-gpu')) {
    throw new Error('The Node.js native addon module (tfjs_binding.node) can not be found');
  }
  return next(specifier, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
