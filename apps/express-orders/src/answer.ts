/** What a customer was answered. */
export type Answer =
  | { readonly kind: "charged" | "already charged" }
  /** To be tried again, after at most so many milliseconds. */
  | { readonly kind: "refused"; readonly retryAfter: number }
  /** Not what may be answered at all. */
  | { readonly kind: "failed"; readonly reason: string };

/** Reads an answer to POST /orders/:id/charge, and does not let the least deviation pass. */
export async function readAnswer(response: Response, path: string): Promise<Answer> {
  const body = await readObject(response);
  if (body === undefined) return failed(`${response.status} whose body is no JSON object`);
  if (response.status === 409) return readRefusal(response.headers, body, path);
  if (response.status !== 200) return failed(`${response.status} ${String(body.detail ?? body.title)}`);
  if (body.charged === true) return { kind: "charged" };
  return body.alreadyCharged === true ? { kind: "already charged" } : failed("200 that says neither");
}

function readRefusal(headers: Headers, body: Record<string, unknown>, path: string): Answer {
  const wrong = [
    /^application\/problem\+json\b/.test(headers.get("Content-Type") ?? "") ? "" : "Content-Type",
    /^[1-9]\d*$/.test(headers.get("Retry-After") ?? "") ? "" : "Retry-After",
    body.code === "LOCK_BUSY" ? "" : "code",
    body.status === 409 ? "" : "status",
    body.instance === path ? "" : "instance",
    ...["type", "title", "detail"].filter((name) => typeof body[name] !== "string"),
  ].filter((name) => name !== "");
  if (wrong.length > 0) return failed(`409 whose ${wrong.join(", ")} is not as it has to be`);
  return { kind: "refused", retryAfter: Number(headers.get("Retry-After")) * 1_000 };
}

async function readObject(response: Response): Promise<Record<string, unknown> | undefined> {
  const body: unknown = await response.json().catch(() => undefined);
  return typeof body === "object" && body !== null ? { ...body } : undefined;
}

function failed(reason: string): Answer {
  return { kind: "failed", reason };
}
