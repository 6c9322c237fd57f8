import { channel } from "node:diagnostics_channel";

/**
 * Tells subscribers of a channel of `node:diagnostics_channel` what happens in an adapter, for metrics and logs. What is
 * told is made only where there are subscribers.
 */
export function tellingOn<Told>(name: string): (make: () => Told) => void {
  const told = channel(name);
  return (make) => {
    if (told.hasSubscribers) told.publish(make());
  };
}
