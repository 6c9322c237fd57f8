import type { Attributes, Counter, Histogram, Meter, UpDownCounter } from "@opentelemetry/api";

/** From a millisecond to half an hour, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

/** All metrics of locks. */
export interface LockMetrics {
  readonly acquireDuration: Histogram<Attributes>;
  readonly holdDuration: Histogram<Attributes>;
  readonly acquisitions: Counter<Attributes>;
  readonly conflicts: Counter<Attributes>;
  readonly lost: Counter<Attributes>;
  readonly extendFailures: Counter<Attributes>;
  readonly waiting: UpDownCounter<Attributes>;
  readonly held: UpDownCounter<Attributes>;
  readonly nodeVotes: Counter<Attributes>;
  readonly nodeDuration: Histogram<Attributes>;
}

export function lockMetrics(meter: Meter): LockMetrics {
  const seconds = (name: string, description: string) =>
    meter.createHistogram(name, {
      description,
      unit: "s",
      advice: { explicitBucketBoundaries: BUCKETS },
    });
  const counter = (name: string, description: string) => meter.createCounter(name, { description });
  const current = (name: string, description: string) => meter.createUpDownCounter(name, { description });
  return {
    acquireDuration: seconds("lock.acquire.duration", "How long acquires took, by outcome"),
    holdDuration: seconds("lock.hold.duration", "How long leases were held"),
    acquisitions: counter("lock.acquisitions", "Acquires that have ended, by outcome"),
    conflicts: counter("lock.conflicts", "Acquires that found their key busy"),
    lost: counter("lock.lost", "Leases that were lost, by reason"),
    extendFailures: counter("lock.extend.failures", "Extends that failed; the lease may still stand"),
    waiting: current("lock.waiting", "Acquires that wait now"),
    held: current("lock.held", "Leases that are held now"),
    nodeVotes: counter("lock.node.votes", "How the nodes of a quorum voted"),
    nodeDuration: seconds("lock.node.duration", "How long votes of the nodes of a quorum took to come"),
  };
}
