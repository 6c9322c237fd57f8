/** How clients say that a connection was closed for good; where they have many, that may be one of them. */
const CLOSED = /closed|Disconnects client/i;

/** An error of a client that has many connections, as what it is: it would read as if the client itself were closed. */
export function asLostConnection(error: unknown, isOpen: boolean): unknown {
  if (!isOpen || !CLOSED.test(String(error))) return error;
  return new Error("the connection to a server was lost", { cause: error });
}
