export { type OpenRecords, type RecordsSuiteOptions, recordsSuite } from "./testing/records-suite.ts";
