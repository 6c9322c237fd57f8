// Preloaded into a process that believes in the default address of Redis and in a port of its own: whatever it connects
// to is on this machine, its Redis is that of the test, and it listens on any free port. It tells its parent of both.
import { Server, Socket } from "node:net";

const DEFAULT_PORT = 6379;
const { connect } = Socket.prototype;
const { listen } = Server.prototype;

Socket.prototype.connect = function (first, ...others) {
  // What Node has read already, it passes as an array of options and callback.
  const options = Array.isArray(first) ? first[0] : first;
  if (typeof options !== "object" || options.path) throw new Error("expected a connection by host and port");
  options.host = "127.0.0.1";
  if (Number(options.port) === DEFAULT_PORT) {
    options.port = Number(process.env.TEST_REDIS_PORT);
    this.once("connect", () => process.send({ kind: "redis" }));
  }
  return connect.call(this, first, ...others);
};

Server.prototype.listen = function (_port, ...others) {
  process.send({ kind: "will listen" });
  this.once("listening", () => process.send({ kind: "listens", port: this.address().port }));
  return listen.call(this, 0, ...others);
};
