/** @param {string} major */
export const bullmqOf = (major) => import(major === "5" ? "bullmq5" : "bullmq");

/** @param {string} url */
export const connectionOf = (url) => ({
  host: "127.0.0.1",
  port: Number(new URL(url).port),
  maxRetriesPerRequest: null,
});
