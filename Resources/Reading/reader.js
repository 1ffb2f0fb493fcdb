// The questions of one case after the other. The server keeps every answer; this page keeps none.
import { Viewer } from "./viewer.js";

const find = (id) => document.getElementById(id);
const viewer = new Viewer(
  { axial: find("axial"), coronal: find("coronal"), sagittal: find("sagittal") },
  (width, level) => { find("level").textContent = `window ${width}, level ${level}`; },
);
let state = {}, seat = "", answer = {}, busy = false, paused = false;

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
    say(error instanceof TypeError ? "The server cannot be reached. Your answers so far are safe; reload this page when it runs again." : `${error.message}.`);
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
  const before = state.earlier;
  answer = { call: before?.call, confidence: before?.confidence, terms: new Set(before?.terms) };
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
  if (!document.hidden) await send("resume"); // loading is not reading: the clock starts here
  find("views").dataset.shown = state.position + 1;
}

function refresh() {
  const press = (selector, on) => document.querySelectorAll(selector).forEach((b) => b.setAttribute("aria-pressed", on(b)));
  press("[data-call]", (b) => b.dataset.call === answer.call);
  press("[data-confidence]", (b) => +b.dataset.confidence === answer.confidence);
  press("[data-term]", (b) => answer.terms.has(b.dataset.term));
  press("[data-tool]", (b) => b.dataset.tool === viewer.tool);
  find("outline").setAttribute("aria-pressed", viewer.outline);
  find("save").disabled = busy || !viewer.ct || !answer.call || !answer.confidence;
  find("back").disabled = busy || !state.can_go_back;
}

function toggle(term) {
  if (!answer.terms.delete(term)) answer.terms.add(term);
  refresh();
}

const save = () => alone(async () => {
  if (state.done || !viewer.ct) return;
  if (!answer.call) return say("First say R (real) or S (synthetic).");
  if (!answer.confidence) return say("Say how sure you are: 1 (a guess) to 5 (certain).");
  const given = { position: state.position, call: answer.call, confidence: answer.confidence, terms: [...answer.terms], comment: find("comment").value };
  await show(await send("answer", given));
});
const back = () => alone(async () => {
  if (state.can_go_back) await show(await send("back", { position: state.done ? state.total : state.position }));
});
const pause = () => alone(async () => {
  if (state.done || !viewer.ct) return;
  await send(paused ? "resume" : "pause");
  paused = !paused;
  find("paused").hidden = !paused;
});
const call = (value) => { answer.call = value; say(""); refresh(); };
const confidence = (value) => { answer.confidence = value; say(""); refresh(); };
const all = () => { answer.terms = new Set(answer.terms.size === state.terms.length ? [] : state.terms); refresh(); };
const outline = () => { viewer.outline = !viewer.outline; viewer.draw(); refresh(); };

for (const b of document.querySelectorAll("[data-call]")) b.onclick = () => call(b.dataset.call);
for (const b of document.querySelectorAll("[data-confidence]")) b.onclick = () => confidence(+b.dataset.confidence);
for (const b of document.querySelectorAll("[data-tool]")) b.onclick = () => { viewer.tool = viewer.tool === b.dataset.tool ? null : b.dataset.tool; refresh(); };
for (const b of document.querySelectorAll("[data-window]")) b.onclick = () => viewer.ct && viewer.setWindow(...b.dataset.window.split(",").map(Number));
find("outline").onclick = outline;
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
  else if (key === "O") outline();
  else if (key === "X") all();
  else if (key === "C") find("comment").focus();
  else if (key === "0") viewer.reset();
  else if (term) toggle(term);
  else return;
  event.preventDefault();
});

// The clock stops while nobody looks.
document.addEventListener("visibilitychange", () => {
  if (seat && viewer.ct && !state.done && !paused) navigator.sendBeacon(document.hidden ? "pause" : "resume", JSON.stringify({ seat }));
});

alone(async () => show(await send("open")));
