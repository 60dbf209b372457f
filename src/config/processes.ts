/**
 * Settings of the two processes and of what runs between them: workers, leases, heartbeats, engine.
 */
import { z } from 'zod';
import { ENGINE_CHOICES } from '../engine/registry.ts';

export const clusterConfigSchema = z.strictObject({
  workers: z
    .int()
    .min(1)
    .max(1024)
    .default(1)
    .meta({ unit: 'processes', description: 'Workers that `launch` starts.' }),
  servers: z
    .int()
    .min(0)
    .max(256)
    .default(0)
    .meta({
      unit: 'processes',
      description:
        'Parameter servers as processes of their own, which share the parameters between ' +
        'them; 0: one inside the coordinator.',
    }),
  minWorkers: z
    .int()
    .min(1)
    .max(1024)
    .default(1)
    .describe(
      'Workers that must be ready before the run begins or goes on; at most cluster.maxWorkers.',
    ),
  maxWorkers: z
    .int()
    .min(1)
    .max(1024)
    .default(1024)
    .describe(
      'Workers that get work at a time; those who come after these stand by until one of ' +
        'them leaves.',
    ),
  backupFactor: z
    .number()
    .min(0)
    .default(3)
    .describe(
      'Work on slices that takes this many times as long as usual is given to an idle worker ' +
        'as well, and the first result counts; 0: never.',
    ),
  engine: z
    .enum(ENGINE_CHOICES)
    .default('auto')
    .describe(
      '`auto` takes the fastest engine that loads and says which; a named one that cannot ' +
        'load is an error.',
    ),
  threads: z
    .int()
    .min(1)
    .max(1024)
    .nullable()
    .default(null)
    .describe(
      'Threads that a worker computes one operation with on processors; the last bits of what ' +
        '`tensorflow` adds up depend on it. Null: `launch` shares the cores out among the workers ' +
        'and records it with the run, whose resumes keep it; other workers take ' +
        '`TF_NUM_INTRAOP_THREADS`, or one a core.',
    ),
  memoryBudget: z
    .int()
    .min(1)
    .nullable()
    .default(null)
    .meta({
      unit: 'bytes',
      description:
        'Memory that each worker may take: `launch` measures the network, once on a machine, and ' +
        'ends before the first step where a slice needs more. Null: nothing is measured.',
    }),
  sharedMemory: z
    .boolean()
    .default(true)
    .describe(
      'Parameters and gradients go through shared memory between processes of one machine and ' +
        'user (Linux); false: by gRPC, as between machines. The numbers are the same.',
    ),
  leaseTtlMs: z.int().min(100).default(120_000).meta({
    unit: 'ms',
    description:
      'A lease without progress of its worker for this long goes back to be given to another.',
  }),
  heartbeatMs: z
    .int()
    .min(10)
    .default(1_000)
    .meta({ unit: 'ms', description: 'Time between two heartbeats of a worker.' }),
  heartbeatTimeoutMs: z.int().min(100).default(10_000).meta({
    unit: 'ms',
    description: 'A worker silent for this long is lost; at least twice cluster.heartbeatMs.',
  }),
  ordersInFlight: z
    .int()
    .min(1)
    .max(64)
    .default(2)
    .describe(
      'Orders a worker may hold at a time in the training and extraction phases: hides ' +
        'decoding behind compute.',
    ),
  maxRestarts: z
    .int()
    .min(0)
    .default(10)
    .describe('Times `launch` restarts one worker before the run fails.'),
});

export type ClusterConfig = z.infer<typeof clusterConfigSchema>;
