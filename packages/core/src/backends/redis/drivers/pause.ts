/** Does not keep the process alive. */
export function pause(ms: number): Promise<void> {
  return new Promise((resume) => {
    setTimeout(resume, ms).unref();
  });
}
