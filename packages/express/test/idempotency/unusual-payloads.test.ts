import { newestOrOlder } from "@lock/redis-harness/vitest";
import { describe, expect, it } from "vitest";
import { idempotent } from "../../src/idempotent.ts";
import { listen } from "../support/app.ts";
import { behind } from "../support/behind.ts";
import { ask } from "../support/client.ts";
import { expresses, quiet } from "../support/expresses.ts";
import { useLocks } from "../support/locks.ts";

const scene = useLocks();
const { idempotency } = behind(scene);

describe.each(newestOrOlder(expresses))("$name", ({ express }) => {
  it("takes a multipart body that is in req.body as it came", async () => {
    const app = quiet(express);
    app.post("/", express.raw({ type: "*/*" }), idempotent(idempotency(scene.key())), (req, res) => {
      res.send(String(req.body.length));
    });
    const { url } = await listen(app);
    const body = "--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n";
    const headers = { "idempotency-key": "k", "content-type": "multipart/form-data; boundary=x" };
    expect((await ask(url, { headers, body })).status).toBe(200);
    expect((await ask(url, { headers, body: body.replace("1", "2") })).status).toBe(422);
  });

  it.each(["application/json", "application/x-www-form-urlencoded", "application/vnd.api+json"])(
    "%s that something else than a parser of bodies has read",
    async (type) => {
      const app = quiet(express);
      app.use(async (req, _res, next) => {
        Object.assign(req, { raw: Buffer.concat(await req.toArray()) });
        next();
      });
      app.use(type.includes("json") ? express.urlencoded() : express.json());
      app.post("/", idempotent(idempotency(scene.key())), (req, res) => {
        res.send(String((req as unknown as { raw: Buffer }).raw));
      });
      const { url } = await listen(app);
      const headers = { "idempotency-key": "k", "content-type": type };
      const first = await ask(url, { headers, body: '{"cents":1}' });
      const second = await ask(url, { headers, body: '{"cents":2}' });
      expect([first.body, second.body]).not.toEqual(['{"cents":1}', '{"cents":1}']);
    },
  );
});
