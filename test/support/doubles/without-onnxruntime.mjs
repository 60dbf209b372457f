/** For `node --import`: a process in which onnxruntime-web is not installed. */
import { register } from 'node:module';

const hook = `export async function resolve(specifier, context, next) {
  if (!/^onnxruntime-web(\\/|$)/.test(specifier)) return next(specifier, context);
  throw Object.assign(new Error('hidden from this process'), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
