"use strict";
// All text comes from evidence that others wrote: it reaches the page through textContent and attributes, never as HTML.
const data = JSON.parse(document.getElementById("data").textContent);
const OUTCOMES = {
  f: "failed", e: "error", s: "skipped", X: "passed unexpectedly", x: "failed as expected", d: "deselected", p: "passed", a: "not seen here",
};
// Upper case but for the expected failure, which pytest and its readers write small.
const glyph = (outcome) => "pab".includes(outcome) ? "" : outcome === "w" ? "!" : outcome === "x" ? "x" : outcome.toUpperCase();
const STATES = ["failed", "inconclusive", "blocked", "owed", "stale", "not_relevant", "passed"];
const RAN = new Set(["p", "f", "e", "x", "X"]);

const byId = (id) => document.getElementById(id);
const words = (state) => state.replace("_", " ");
const plural = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : noun.endsWith("ch") ? "es" : "s"}`;

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== "") element.append(child);
  }
  return element;
}

function seconds(value) {
  if (value < 0.01 && value > 0) return `${(value * 1000).toFixed(1)} ms`;
  if (value < 10) return `${value.toFixed(2)} s`;
  if (value < 100) return `${value.toFixed(1)} s`;
  const minutes = Math.floor(Math.round(value) / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.round(value) % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

function reasonList(reasons) {
  return reasons.map((reason) => [
    make("div", {}, reason.message, " ", make("span", { class: "tag" }, reason.code)),
    reason.remedy ? make("div", { class: "remedy" }, make("span", { class: "dim" }, "remedy: "), remedyParts(reason.remedy)) : null,
  ]);
}

// What is to be typed, in backquotes or after "Install it:", is set as code, to be chosen with one click.
function remedyParts(text) {
  return text.split(/(`[^`]*`|(?<=Install it: )[^,;(]+?(?=[,;(]|\.(?:\s|$)|$))/).map((piece, at) => (at % 2 ? make("code", {}, piece.replaceAll("`", "")) : piece));
}

// What is known of each test, over the cells: computed once.
const nowhere = new Map(data.nowhere);
const why = data.cells.map((cell) => new Map(cell.why.map(([test, ...rest]) => [test, rest])));
const facts = data.tests.map((id, test) => {
  const seen = data.cells.map((cell) => cell.outcomes[test] || "a");
  const ranks = seen.map((outcome) => "feXsdxpa".indexOf(outcome));
  return {
    id, test, worst: Math.min(...ranks), nowhere: nowhere.has(test),
    slowest: Math.max(0, ...data.cells.map((cell) => cell.times[test] || 0)),
  };
});

function outcomeOf(cell, test) {
  return data.cells[cell].outcomes[test] || "a";
}

function whyOf(cell, test) {
  const entry = why[cell].get(test);
  if (!entry) return { reason: "", kind: "", capability: "", attempts: "" };
  return { reason: data.reasons[entry[0]], kind: entry[1], capability: entry[2], attempts: entry[3] };
}

// Tabs, with the state of the page in its address so that a view can be linked.
const tabs = [...document.querySelectorAll('[role="tab"]')];
const built = new Map();

function show(name, parameters = {}) {
  for (const tab of tabs) {
    const chosen = tab.getAttribute("aria-controls") === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !chosen;
    if (chosen) bringIntoView(tab);
  }
  const render = built.get(name);
  if (render) render(parameters);
  remember(name, parameters);
}

// On a narrow screen the row of tabs is wider than the page; the page itself must not jump.
function bringIntoView(tab) {
  const bar = tab.parentElement;
  const hidden = tab.offsetLeft < bar.scrollLeft || tab.offsetLeft + tab.offsetWidth > bar.scrollLeft + bar.clientWidth;
  if (hidden) bar.scrollLeft = tab.offsetLeft - (bar.clientWidth - tab.offsetWidth) / 2;
}

function remember(name, parameters) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value)).toString();
  history.replaceState(null, "", `#/${name}${query ? `?${query}` : ""}`);
}

function fromAddress() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  const known = tabs.some((tab) => tab.getAttribute("aria-controls") === name);
  show(known ? name : "overview", Object.fromEntries(new URLSearchParams(query || "")));
}

document.querySelector('[role="tablist"]').addEventListener("keydown", (event) => {
  const at = tabs.indexOf(document.activeElement);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (to === undefined || at < 0) return;
  event.preventDefault();
  const tab = tabs[(to + tabs.length) % tabs.length];
  tab.focus();
  show(tab.getAttribute("aria-controls"));
});
for (const tab of tabs) tab.addEventListener("click", () => show(tab.getAttribute("aria-controls")));
