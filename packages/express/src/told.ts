import { tellingOn } from "@lock/core/adapter";
import type { Request } from "express";

/** What is published on the channel "lock:express" of `node:diagnostics_channel`, for metrics and logs. */
export interface RequestTold {
  /** "refused": the work was not done; "replayed": the answer of the first request was given again. */
  readonly event: "refused" | "replayed";
  readonly request: Pick<Request, "originalUrl">;
  /** Of the answer. */
  readonly status: number;
  /** Why it was refused, as the problem document says. */
  readonly code?: string | undefined;
}

export const tell = tellingOn<RequestTold>("lock:express");
