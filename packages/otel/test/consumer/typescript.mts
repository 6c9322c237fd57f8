import { createLocks } from "@lock/core";
import { inProcessBackend } from "@lock/core/in-process";
import { quorumBackend } from "@lock/core/quorum";
import { type InstrumentOptions, instrument } from "@lock/otel";

const options: InstrumentOptions = { keyOf: (key) => key.slice(0, 1) };
const stop: () => void = instrument(createLocks({ backend: inProcessBackend() }), options);
stop();
instrument(createLocks({ backend: quorumBackend([inProcessBackend(), inProcessBackend()]) }));
// @ts-expect-error: there is no such option
instrument(createLocks({ backend: inProcessBackend() }), { key: "a" });
