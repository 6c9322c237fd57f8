export { checkHealth, type HealthOptions, type HealthReport, type Verdict } from "./health/check.ts";
export type {
  ClockOffset,
  LocalNode,
  NodeFacts,
  NodeReport,
  ReachableNode,
  UnreachableNode,
} from "./health/facts.ts";
export type { Finding, FindingCode, Severity, Thresholds } from "./health/finding.ts";
