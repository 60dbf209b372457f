/** How processes that train have their memory managed. */

/**
 * Settings of glibc's allocator, for the environment of a process that trains: they are read when
 * it starts. What a step frees serves the next one. By default the activations of a large batch go
 * back to the system each time, and a virtual machine may take longer to give them again than the
 * arithmetic does. Other C libraries ignore these names.
 */
export const KEEP_FREED_MEMORY = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: String(2 ** 36),
  MALLOC_TOP_PAD_: String(2 ** 28),
} as const;

/**
 * Flags of Node for such a process. A step passes megabytes of vectors through V8's accounts, which
 * by default begin a collection of the whole heap, mostly code, every few steps; with room for them
 * the quick ones of the young objects do.
 */
export const SPARE_COLLECTIONS = ['--initial-old-space-size=256'] as const;

/**
 * The same for a process with a small heap, a parameter server or a coordinator beside some: by
 * default a server takes a quarter fewer steps, and with more than this it takes no more of them,
 * but grows for many minutes before it collects at all.
 */
export const SPARE_COLLECTIONS_OF_SMALL_HEAP = ['--initial-old-space-size=64'] as const;
