/** The algorithms of this program, one a line. */
export { DEEPCLUSTER } from './deepcluster/spec.ts';
export { DEEPCLUSTER_V2 } from './deepcluster-v2/spec.ts';
export { ODC } from './odc/spec.ts';
export { SWAV } from './swav/spec.ts';
