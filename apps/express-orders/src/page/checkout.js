const MOST_LINES = 100;
const OUTCOMES = { charged: "charged", "already charged": "already", refused: "refused", failed: "failed" };

const byId = (id) => document.getElementById(id);
const payButton = byId("pay");
const cards = new Map();
const { lock, self, instances } = await fetchJson("/instances");
/** What the page shows now: one object for each time that an order is shown. Answers that come for another are dropped. */
let view = {};

byId("without").hidden = lock;
byId("tokens").hidden = !lock;
for (const instance of instances) {
  byId("instances").append(chip(instance));
  cards.set(instance.name, element("div", "answer"));
}
byId("answers").append(...cards.values());
payButton.addEventListener("click", pay);
byId("new-order").addEventListener("click", () => {
  // The last order stays in the history of the browser.
  history.pushState(undefined, "", `?order=${crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000}`);
  show();
});
addEventListener("popstate", show);
await show();

/** Every text goes through here, and none of it is HTML. */
function element(tag, className, ...content) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...content);
  return node;
}

function chip({ name, origin, pid }) {
  const link = element("a", "", name);
  link.href = `${origin}/${location.search}`;
  const where = element("span", "", `process ${pid}${name === self ? ", this page" : ""}`);
  const item = element("li", "", name === self ? element("span", "who", name) : link, where);
  const events = new EventSource(`${origin}/activity`);
  events.addEventListener("open", () => item.classList.add("connected"));
  events.addEventListener("error", () => item.classList.remove("connected"));
  events.addEventListener("message", ({ data }) => addLine(JSON.parse(data)));
  return item;
}

async function fetchJson(path) {
  return (await fetch(path)).json();
}

/** Shows the order that the address names. */
async function show() {
  const id = new URLSearchParams(location.search).get("order") || "1001";
  const mine = { id };
  view = mine;
  payButton.disabled = true;
  byId("order-id").textContent = id;
  for (const part of ["item", "price"]) byId(part).textContent = "…";
  byId("conclusion").textContent = "";
  for (const name of cards.keys()) fill(name, "", "not asked yet");
  const order = await fetchJson(`/orders/${encodeURIComponent(id)}`);
  if (view !== mine) return;
  const price = typeof order.cents === "number" ? `${(order.cents / 100).toFixed(2)} €` : "";
  byId("item").textContent = order.item ?? order.detail;
  byId("price").textContent = price || "–";
  payButton.textContent = `Pay ${price}`;
  payButton.disabled = price === "";
}

async function pay() {
  const mine = view;
  payButton.disabled = true;
  byId("conclusion").textContent = "";
  const answers = await Promise.all(instances.map((instance) => submit(instance, mine)));
  if (view !== mine) return;
  byId("conclusion").textContent = conclude(answers);
  byId("conclusion").className = isTwice(answers) ? "twice" : "hint";
  payButton.disabled = false;
}

/** One of the two requests; resolves with what became of it. */
async function submit({ name, origin }, mine) {
  const tell = (...answer) => {
    if (view === mine) fill(name, ...answer);
  };
  tell("", "asked …");
  const start = performance.now();
  try {
    const response = await fetch(`${origin}/orders/${encodeURIComponent(mine.id)}/charge`, {
      method: "POST",
    });
    const body = await response.json();
    const outcome = outcomeOf(response.status, body);
    const wait = response.headers.get("Retry-After");
    tell(outcome, `${response.status} ${outcome}`, [
      body.title && `${body.title}: ${body.detail ?? ""}`,
      wait && `Retry-After: ${wait} s at the latest`,
      body.fence && `fencing token ${body.fence}`,
      `after ${(performance.now() - start).toFixed(0)} ms`,
    ]);
    return outcome;
  } catch {
    tell("failed", "no answer", ["Is the demo still running?"]);
    return "failed";
  }
}

function outcomeOf(status, body) {
  if (status === 409) return "refused";
  if (status !== 200) return "failed";
  return body.charged ? "charged" : "already charged";
}

function isTwice(answers) {
  return answers.every((answer) => answer === "charged");
}

function conclude(answers) {
  const count = (outcome) => answers.filter((answer) => answer === outcome).length;
  if (count("failed") > 0) return "";
  if (isTwice(answers))
    return "Charged twice: nothing kept the second request away while the first one was under way.";
  const once = count("charged") === 1 ? "Charged once. " : "";
  if (count("refused") === 0)
    return `${once || "Not charged again. "}“Already charged” is what the ledger says.`;
  return `${once}The refused request came while the other one was under way. Press “Pay” once more: the answer will be “already charged”.`;
}

function fill(name, outcome, badge, details = []) {
  const card = cards.get(name);
  card.className = `answer ${OUTCOMES[outcome] ?? ""}`;
  const lines = details.filter(Boolean).map((text) => element("div", "detail", text));
  card.replaceChildren(element("h3", "", name), element("p", "", element("span", "badge", badge)), ...lines);
}

/** The newest first: what happened before the page was opened comes from one instance after the other. */
function addLine({ at, instance, order: id, outcome, status, fence, held }) {
  const lease = fence === undefined ? "" : `, token ${fence}`;
  const time = held === undefined ? "" : `, lease held ${held.toFixed(0)} ms`;
  const line = element(
    "li",
    OUTCOMES[outcome] ?? "failed",
    element("span", "detail", new Date(at).toLocaleTimeString("en-GB")),
    element("span", "who", instance),
    element("span", "badge", `${status} ${outcome}`),
    element("span", "detail", `order ${id}${lease}${time}`),
  );
  byId("nothing").hidden = true;
  line.dataset.at = at;
  const lines = [...byId("activity").children];
  const older = lines.find((other) => Number(other.dataset.at) <= at);
  byId("activity").insertBefore(line, older ?? null);
  if (lines.length >= MOST_LINES) byId("activity").lastChild.remove();
}
