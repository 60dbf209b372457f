/** The images of a run, as its config.json keeps them. */
import { z } from 'zod';
import type { ImageSource } from '../data/source/source.ts';

export const runImagesSchema = z.object({
  /** Absolute folder or list; the configuration has it as it was given. */
  path: z.string().min(1),
  count: z.int().min(1),
  digest: z.string().min(1),
  /** Whether they have classes; left out by earlier releases. */
  hasClasses: z.boolean().optional(),
});

/** What config.json keeps of the images. */
export type RunImages = z.infer<typeof runImagesSchema>;

export function runImagesOf({ location, count, digest, truth }: ImageSource): RunImages {
  return { path: location, count, digest, hasClasses: truth !== null };
}
