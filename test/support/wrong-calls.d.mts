/** What is called, how, and what its error must say. */
export const wrongCalls: readonly (readonly [
  name: string,
  call: (on: object) => unknown,
  said: readonly string[],
])[];
