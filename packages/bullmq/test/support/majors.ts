import * as bullmq6 from "bullmq";
import * as bullmq5 from "bullmq5";

/** What tests use of BullMQ; both majors have it. */
export type Bullmq = Pick<typeof bullmq6, "Queue" | "Worker" | "QueueEvents" | "FlowProducer">;

/** The majors that are supported. Their types differ in what no test uses. */
export const majors: readonly Major[] = [
  { name: "BullMQ 6", bullmq: bullmq6, isNewest: true },
  { name: "BullMQ 5", bullmq: bullmq5 as unknown as Bullmq, isNewest: false },
];

interface Major {
  readonly name: string;
  readonly bullmq: Bullmq;
  readonly isNewest: boolean;
}
