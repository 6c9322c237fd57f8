import { usePostgres } from "@lock/postgres-harness/vitest";
import { Pool, type PoolClient } from "pg";
import { afterAll, beforeAll, expect } from "vitest";
import { lockMemory } from "../../src/index.ts";
import type { Page } from "./page.ts";
import type { Scene } from "./scene.ts";

/** One conversation, as two processes have it. */
export type Conversation = ReturnType<SqlScene["conversation"]>;

/** The tables of the page, on a PostgreSQL, by two pools. */
export class SqlScene {
  #pools: readonly [Pool, Pool] | undefined;

  constructor(
    private readonly page: Page,
    private readonly scene: Scene,
  ) {
    const postgres = usePostgres();
    beforeAll(async () => {
      const { connectionString } = postgres;
      this.#pools = [new Pool({ connectionString }), new Pool({ connectionString })];
      await this.pool.query(page.sql.tables);
    });
    afterAll(() => Promise.all((this.#pools ?? []).map((pool) => pool.end())));
  }

  get pool(): Pool {
    return this.#pool(0);
  }

  get other(): Pool {
    return this.#pool(1);
  }

  /** `raw` is what the first process has below the lock. `asker` is asked in place of the first pool. */
  conversation(asker: unknown = this.pool) {
    const { PostgresMemory } = this.page.code;
    const { locks, others } = this.scene;
    const sessionId = this.scene.session();
    const raw = new PostgresMemory(asker, sessionId);
    const one = lockMemory(raw, { locks, sessionId, wait: 20_000 });
    const two = lockMemory(new PostgresMemory(this.other, sessionId), {
      locks: others,
      sessionId,
      wait: 20_000,
    });
    return { sessionId, raw, one, two };
  }

  /** The statement that the page explains, with whatever token. Resolves with whether it was stored. */
  async append(asked: Pick<Pool, "query">, id: string, fence: number, ...contents: string[]) {
    const roles = contents.map(() => "user");
    const { rowCount } = await asked.query(this.page.sql.append, [id, fence, roles, contents]);
    return rowCount === 1;
  }

  /** What is stored, read past the page's code. */
  async contents(id: string): Promise<string[]> {
    const sql = "SELECT content FROM chat_message WHERE session_id = $1 ORDER BY seq";
    return (await this.pool.query(sql, [id])).rows.map(({ content }) => content);
  }

  async fence(id: string): Promise<number> {
    const { rows } = await this.other.query("SELECT fence FROM chat_session WHERE id = $1", [id]);
    return Number(rows[0]?.fence);
  }

  /** What is not committed by the work is undone. */
  async inTransaction(isolation: string, work: (client: PoolClient) => Promise<void>): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
      await work(client);
    } finally {
      client.release(true);
    }
  }

  /** Resolves when a statement waits for another one. */
  async untilBlocked(): Promise<void> {
    const waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    await expect.poll(async () => (await this.other.query(waiting)).rowCount, { timeout: 10_000 }).toBe(1);
  }

  #pool(at: 0 | 1): Pool {
    const pool = this.#pools?.[at];
    if (pool === undefined) throw new Error("the pools are there only within tests");
    return pool;
  }
}
