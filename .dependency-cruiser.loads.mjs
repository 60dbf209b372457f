/**
 * What a process loads when it starts: types and dynamic imports left out of the graph. Who may
 * import whom is in .dependency-cruiser.mjs.
 */
import rooms from './.dependency-cruiser.mjs';

export default {
  forbidden: [
    {
      name: 'no-tensors-in-control',
      comment:
        'coordinator and server start without a tensor library, by whatever way it would be reached',
      severity: 'error',
      from: { path: '^(coordinator|server)/' },
      to: { path: 'node_modules/@tensorflow/', reachable: true },
    },
  ],
  options: {
    ...rooms.options,
    tsPreCompilationDeps: false,
    exclude: { dynamic: true },
  },
};
