const QUIET_MS = 2_000;

/** Says on standard error what is being waited for, and for how long it was, once it takes over two seconds. */
export async function announced<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  let told = false;
  const timer = setTimeout(() => {
    told = true;
    process.stderr.write(`setup: ${what} ...\n`);
  }, QUIET_MS);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    if (told) process.stderr.write(`setup: ${what}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s\n`);
  }
}
