const byId = (id) => document.getElementById(id);
const events = new EventSource("/events");
events.addEventListener("open", () => {
  byId("gone").hidden = true;
});
events.addEventListener("error", () => {
  byId("gone").hidden = false;
});
events.addEventListener("message", ({ data }) => show(JSON.parse(data)));

/** Every text goes through here, and none of it is HTML. */
function element(tag, className, ...content) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...content);
  return node;
}

function show({ lock, agents, sessions, log }) {
  byId("without").hidden = lock;
  byId("agents").replaceChildren(...agents.map(chip));
  byId("sessions").replaceChildren(...sessions.map((session) => card(session, lock)));
  byId("log").replaceChildren(...log.map((line) => element("li", "", line)));
  byId("nothing").hidden = log.length > 0;
}

function chip({ name, pid, isPaused }) {
  const state = isPaused ? ", paused" : "";
  return element("li", isPaused ? "paused" : "", who(name), ` process ${pid}${state}`);
}

function who(agent) {
  return element("span", `who ${agent}`, agent);
}

function card({ session, holder, waiting, turns, lost, torn, blind, last, answers }, lock) {
  const isBusy = holder !== undefined;
  const badge = isBusy ? `held by ${holder}${waiting > 0 ? `, ${waiting} waiting` : ""}` : "free";
  const title = element(
    "div",
    "title",
    element("h2", "", session),
    lock ? element("span", "badge", badge) : "",
  );
  const facts = element("p", "facts", `${turns} ${turns === 1 ? "turn" : "turns"} stored`);
  for (const [count, what] of [
    [lost, "lost"],
    [torn, "torn"],
    [blind, "blind"],
  ]) {
    if (count > 0) facts.append(", ", element("span", "bad", `${count} ${what}`));
  }
  const messages = element("div", "messages", ...last.map(message), ...answers.map(answer));
  return element("article", isBusy ? "busy" : "", title, facts, messages);
}

function message({ role, content, agent }) {
  return element("p", role, ...(agent ? [who(agent), " "] : []), content);
}

function answer({ agent, text }) {
  return element("p", "now", who(agent), ` ${text}…`);
}
