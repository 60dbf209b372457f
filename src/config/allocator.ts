/**
 * Settings of glibc's allocator, for the environment of a process that trains: they are read when it starts.
 * What a step frees serves the next one. By default the activations of a large batch go back to the system each time, and a
 * virtual machine may take longer to give them again than the arithmetic does. Other C libraries ignore these names.
 */
export const KEEP_FREED_MEMORY = {
  MALLOC_MMAP_MAX_: '0',
  MALLOC_TRIM_THRESHOLD_: String(2 ** 36),
  MALLOC_TOP_PAD_: String(2 ** 28),
} as const;
