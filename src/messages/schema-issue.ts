/** Values from outside that do not fit their schema, as messages tell of them. */
import type { z } from 'zod';

/**
 * The first problem that a schema found, and where: `at clusters.0.size: Invalid input`.
 * @param within the keys that lead to the value, if it is a part of something larger
 */
export function firstIssue(error: z.ZodError, within: readonly string[] = []): string {
  const [issue] = error.issues;
  return `at ${[...within, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? ''}`;
}
