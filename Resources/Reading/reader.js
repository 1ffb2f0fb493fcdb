// The questions of one case after the other. The server keeps every answer; this page keeps what is half said.
import { Viewer } from "./viewer.js";

const find = (id) => document.getElementById(id);
const viewer = new Viewer(
  { axial: find("axial"), coronal: find("coronal"), sagittal: find("sagittal") },
  () => refresh(),
);
let state = {}, seat = "", answer = {}, busy = false, paused = false;

// The half-given answer outlives a reload and a restart of the server: in this tab alone, until the case is answered.
let kept = { getItem() {}, setItem() {}, removeItem() {} };
try { kept = sessionStorage; } catch { /* a browser that keeps nothing for pages */ }
const draft = {
  at: ({ position, earlier }) => `${location.pathname} case ${position}${earlier ? " again" : ""}`,
  read: (of) => JSON.parse(kept.getItem(draft.at(of)) || "null"),
  keep() {
    if (state.done || state.position === undefined) return;
    const { call, confidence, terms } = answer;
    kept.setItem(draft.at(state), JSON.stringify({ call, confidence, terms: [...terms], comment: find("comment").value, spent: clock.spent() }));
  },
  drop: (of) => kept.removeItem(draft.at(of)),
};

// Seconds for which the case has been looked at. The server counts, too; it asks for these when it was started anew.
const clock = {
  before: 0,
  since: null,
  set(seconds) { clock.before = seconds; clock.since = null; },
  start() { clock.since ??= performance.now(); },
  stop() { clock.set(clock.spent()); },
  spent: () => clock.before + (clock.since === null ? 0 : (performance.now() - clock.since) / 1000),
};

async function send(action, content = {}) {
  const reply = await fetch(action, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ seat, ...content }) });
  const data = await reply.json().catch(() => ({ error: "the server gave no answer" }));
  if (!reply.ok) throw new Error(data.error || "the server refused");
  return data;
}

async function voxels(name, Kind) {
  const reply = await fetch(name);
  if (!reply.ok) throw new Error((await reply.json()).error);
  return new Kind(await reply.arrayBuffer());
}

// One thing at a time: a key pressed twice must not answer two cases.
async function alone(work) {
  if (busy) return;
  busy = true;
  try { await work(); } catch (error) {
    say(error instanceof TypeError ? "The server cannot be reached. Your answers are safe, and what you said of this case is kept; try again when it runs." : `${error.message}.`);
  } finally { busy = false; refresh(); }
}

const say = (text) => { find("message").textContent = text; };

async function show(next) {
  state = next;
  if (next.seat) seat = next.seat;
  document.title = find("title").textContent = state.title;
  find("bar").style.width = `${(100 * (state.done ? state.total : state.position)) / state.total}%`;
  find("count").textContent = state.done ? "" : `Case ${state.position + 1} of ${state.total}`;
  say("");
  find("end").hidden = !state.done;
  if (state.done) {
    find("endtitle").textContent = "All cases are read. Thank you.";
    find("endtext").textContent = "Every answer is saved. You can close this window.";
    find("endback").hidden = !state.can_go_back;
    return viewer.clear();
  }
  const before = draft.read(state) || state.earlier;
  answer = { call: before?.call, confidence: before?.confidence, terms: new Set(before?.terms) };
  clock.set(before?.spent || 0);
  find("comment").value = before?.comment || "";
  find("organ").textContent = state.organ;
  find("text").textContent = `“${state.text}”`;
  for (const name of ["call", "confidence", "terms", "comment"]) find(`asked-${name}`).textContent = state.questions[name] || "";
  find("termbox").hidden = !state.terms.length;
  find("commentbox").hidden = !state.questions.comment;
  find("terms").replaceChildren(...state.terms.map((term, n) => {
    const button = document.createElement("button");
    if (state.term_keys[n]) button.append(Object.assign(document.createElement("kbd"), { textContent: state.term_keys[n] }));
    button.append(` ${term}`);
    button.dataset.term = term;
    button.onclick = () => toggle(term);
    return button;
  }));
  viewer.clear();
  refresh();
  const [ct, mask] = await Promise.all([voxels("ct", Int16Array), voxels("mask", Uint8Array)]);
  viewer.show(ct, mask, state.shape, state.spacing, state.window);
  if (!document.hidden) await look(true); // loading is not reading: the clock starts here
  find("views").dataset.shown = state.position + 1;
}

async function look(on) {
  if (!on) clock.stop();
  await send(on ? "resume" : "pause", { position: state.position, spent: clock.spent() });
  if (on) clock.start();
}

// After every change of what was said.
function said() {
  say("");
  draft.keep();
  refresh();
}

function refresh() {
  const press = (selector, on) => document.querySelectorAll(selector).forEach((b) => b.setAttribute("aria-pressed", on(b)));
  press("[data-call]", (b) => b.dataset.call === answer.call);
  press("[data-confidence]", (b) => +b.dataset.confidence === answer.confidence);
  press("[data-term]", (b) => answer.terms.has(b.dataset.term));
  press("[data-tool]", (b) => b.dataset.tool === viewer.tool);
  press("[data-window]", (b) => b.dataset.window === `${viewer.width},${viewer.level}`);
  for (const name of ["outline", "crosslines"]) find(name).setAttribute("aria-pressed", viewer[name]);
  find("enlarge").setAttribute("aria-pressed", viewer.large !== null);
  find("views").dataset.large = viewer.large?.name || "";
  if (viewer.ct) find("level").textContent = `window ${Math.round(viewer.width)}, level ${Math.round(viewer.level)}`;
  find("save").disabled = busy || !viewer.ct || !answer.call || !answer.confidence;
  find("back").disabled = busy || !state.can_go_back;
}

function toggle(term) {
  if (!answer.terms.delete(term)) answer.terms.add(term);
  said();
}

const save = () => alone(async () => {
  if (state.done || !viewer.ct) return;
  if (!answer.call) return say("First say R (real) or S (synthetic).");
  if (!answer.confidence) return say("Say how sure you are: 1 (a guess) to 5 (certain).");
  draft.keep();
  const { position } = state, { call, confidence, terms } = answer;
  const next = await send("answer", { position, call, confidence, terms: [...terms], comment: find("comment").value, spent: clock.spent() });
  draft.drop(state);
  await show(next);
});
const back = () => alone(async () => {
  if (state.can_go_back) await show(await send("back", { position: state.done ? state.total : state.position }));
});
const pause = () => alone(async () => {
  if (state.done || !viewer.ct) return;
  await look(paused);
  paused = !paused;
  find("paused").hidden = !paused;
});
const call = (value) => { answer.call = value; said(); };
const confidence = (value) => { answer.confidence = value; said(); };
const all = () => { answer.terms = new Set(answer.terms.size === state.terms.length ? [] : state.terms); said(); };
const flip = (name) => { viewer[name] = !viewer[name]; viewer.changed(); };
const use = (tool) => { viewer.tool = viewer.tool === tool ? null : tool; refresh(); };
const preset = (button) => viewer.setWindow(...button.dataset.window.split(",").map(Number));
const enlarge = () => viewer.enlarge(viewer.large || viewer.active);
const presets = [...document.querySelectorAll("[data-window]")];

for (const b of document.querySelectorAll("[data-call]")) b.onclick = () => call(b.dataset.call);
for (const b of document.querySelectorAll("[data-confidence]")) b.onclick = () => confidence(+b.dataset.confidence);
for (const b of document.querySelectorAll("[data-tool]")) b.onclick = () => use(b.dataset.tool);
for (const b of presets) b.onclick = () => viewer.ct && preset(b);
for (const name of ["outline", "crosslines"]) find(name).onclick = () => flip(name);
find("enlarge").onclick = () => viewer.ct && enlarge();
find("comment").oninput = draft.keep;
find("reset").onclick = () => viewer.ct && viewer.reset();
find("save").onclick = save;
find("back").onclick = find("endback").onclick = back;
find("all").onclick = all;
find("pause").onclick = find("resume").onclick = pause;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target === find("comment")) {
    if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) { event.preventDefault(); find("comment").blur(); }
    return;
  }
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key, steps = { ArrowUp: 1, ArrowDown: -1, PageUp: 5, PageDown: -5 };
  const term = state.done ? undefined : state.terms?.[state.term_keys.indexOf(key)];
  if (key === "Z" && !event.repeat) pause();
  else if (paused) return;
  else if (key in steps) viewer.scroll(viewer.active, steps[key]);
  else if (event.repeat) return;
  else if (key === "B") back();
  else if (state.done || !viewer.ct) return;
  else if (key === "R") call("real");
  else if (key === "S") call("synthetic");
  else if (key >= "1" && key <= "5" && key.length === 1) confidence(+key);
  else if (key === "Enter") save();
  else if (key >= "6" && key <= "9" && key.length === 1) preset(presets[key - 6]);
  else if (key === "O") flip("outline");
  else if (key === "N") flip("crosslines");
  else if (key === "M") use("ruler");
  else if (key === "E" || (key === "Escape" && viewer.large)) enlarge();
  else if (key === "X") all();
  else if (key === "C") find("comment").focus();
  else if (key === "0") viewer.reset();
  else if (term) toggle(term);
  else return;
  event.preventDefault();
});

// The clock stops while nobody looks.
document.addEventListener("visibilitychange", () => {
  if (!seat || !viewer.ct || state.done || paused) return;
  if (document.hidden) clock.stop();
  navigator.sendBeacon(document.hidden ? "pause" : "resume", JSON.stringify({ seat, position: state.position, spent: clock.spent() }));
  if (document.hidden) draft.keep();
  else clock.start();
});

alone(async () => show(await send("open")));
