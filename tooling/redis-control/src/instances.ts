/** A Redis to develop with: as a service of docker-compose.yml, or as a process of its own. */
export interface Instance {
  /** As in docker-compose.yml. */
  readonly name: string;
  readonly port: number;
}

const SINGLE_PORT = 6_379;
const FIRST_NODE_PORT = 63_791;
const NODES = 5;

/** The single one, or the five of a quorum; `port` is that of the first. */
export function instancesOf(quorum: boolean, port = quorum ? FIRST_NODE_PORT : SINGLE_PORT): Instance[] {
  if (!quorum) return [{ name: "redis", port }];
  return Array.from({ length: NODES }, (_, index) => ({ name: `node${index + 1}`, port: port + index }));
}

/** What tells programs where they are. */
export function settingsOf(instances: readonly Instance[]): string {
  const places = instances.map(placeOf);
  return places.length === 1 ? `REDIS_URL=redis://${places[0]}` : `REDIS_NODES=${places.join(",")}`;
}

export function placeOf({ port }: Instance): string {
  return `127.0.0.1:${port}`;
}
