/** The algorithms of this program, one a line. */
export { DEEPCLUSTER } from './deepcluster/spec.ts';
export { ODC } from './odc/spec.ts';
