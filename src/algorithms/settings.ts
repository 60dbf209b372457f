/**
 * The settings that an algorithm reads: those that all have, and its own section of a run's
 * configuration.
 */
import type { z } from 'zod';
import type { ClusteringConfig } from '../clustering/config.ts';
import type { ModelConfig } from '../nn/config.ts';
import type { SizeSettings } from '../ps/config.ts';

/** The part of a run's configuration that is the same for all algorithms and that they may use. */
export interface AlgorithmConfig {
  readonly seed: number;
  readonly model: ModelConfig;
  readonly clustering: ClusteringConfig;
  readonly training: SizeSettings;
}

/** Of a run's configuration: what a network is made of. */
export interface NetworkSettings {
  readonly model: ModelConfig;
  readonly data: {
    /** Side of a view [px]. */
    readonly imageSize: number;
  };
}

/** A rule between settings of several sections that a configuration breaks. */
export interface SettingProblem {
  /** Of the setting: section, then name. */
  readonly path: readonly [string, string];
  /** What it must be. */
  readonly rule: string;
  readonly got: unknown;
}

/** An algorithm's own section of the configuration. */
export interface SettingsSection<S> {
  /** Its key there: letters and digits, since the names of environment variables are made of it. */
  readonly key: string;
  /** A strict object with a default for each setting. */
  readonly schema: z.ZodType<S>;
  /** The settings of it that may change when a run is resumed. */
  readonly resumable: readonly string[];
}

/** The section's values in a run's configuration. */
export function settingsOf<S>(config: object, { key }: SettingsSection<S>): S {
  return (config as Readonly<Record<string, S>>)[key]!;
}
