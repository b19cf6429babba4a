// The heat map: tests by cells. Only the rows in view exist in the page; the map beside it is a canvas of all of them.
const scroller = byId("scroller");
const detail = byId("detail");
const controls = ["q", "show", "reason", "capability", "host", "order"];
let rows = [];
let columns = [];
let active = -1;
let activeColumn = 0;
let drawn = "";
let haystacks = null;
// Cells that were to run and of which no test is known: their columns are empty, but for what would run in them.
const idle = data.cells.map((cell) => !cell.outcomes && ["blocked", "owed", "inconclusive", "stale"].includes(cell.state));
const owes = data.cells.map((cell) => new Set(cell.owes));
const everywhere = data.cells.map((_, index) => index).filter((index) => data.cells[index].outcomes || idle[index]);

function markOf(cell, test) {
  return idle[cell] ? (owes[cell].has(test) ? "w" : "b") : outcomeOf(cell, test);
}

function markName(cell, mark) {
  const { state } = data.cells[cell];
  return mark === "w" ? `would run here, and the cell is ${words(state)}` : mark === "b" ? words(state) : OUTCOMES[mark];
}

function haystack(test) {
  haystacks ||= new Array(data.tests.length);
  if (haystacks[test] === undefined) {
    const parts = [data.tests[test]];
    data.cells.forEach((_, index) => {
      if (!why[index].has(test)) return;
      const { reason, kind, capability } = whyOf(index, test);
      parts.push(reason, kind, capability);
    });
    haystacks[test] = parts.join("\n").toLowerCase();
  }
  return haystacks[test];
}

const SHOWS = {
  bad: (fact) => columns.some((cell) => "fe".includes(outcomeOf(cell, fact.test))),
  nowhere: (fact) => fact.nowhere,
  skipped: (fact) => columns.some((cell) => "sd".includes(outcomeOf(cell, fact.test))),
  differs: (fact) => new Set(columns.map((cell) => outcomeOf(cell, fact.test)).filter((outcome) => outcome !== "a")).size > 1,
  absent: (fact) => columns.some((cell) => !idle[cell] && outcomeOf(cell, fact.test) === "a") && columns.some((cell) => outcomeOf(cell, fact.test) !== "a"),
};
const ORDERS = {
  name: () => 0,
  worst: (one, two) => one.worst - two.worst || two.nowhere - one.nowhere,
  slow: (one, two) => two.slowest - one.slowest,
};

function matches(fact, values, terms) {
  if (values.show && !SHOWS[values.show](fact)) return false;
  if (columns.length && columns.length < everywhere.length && columns.every((cell) => "ab".includes(markOf(cell, fact.test)))) return false;
  if (values.reason && !columns.some((cell) => whyOf(cell, fact.test).reason === values.reason)) return false;
  if (values.capability && !columns.some((cell) => whyOf(cell, fact.test).capability === values.capability)) return false;
  return terms.every((term) => haystack(fact.test).includes(term));
}

function filter() {
  const values = Object.fromEntries(controls.map((name) => [name, byId(name).value]));
  columns = everywhere.filter((index) => !values.host || values.host === `cell ${data.cells[index].name}` || values.host === `host ${data.cells[index].host.name}`);
  const terms = values.q.toLowerCase().split(/\s+/).filter(Boolean);
  const named = everywhere.filter((index) => terms.includes(data.cells[index].host.name.toLowerCase()));
  if (named.length && !values.host) columns = named; // a host's name in the search narrows the columns, as choosing it does
  const hosts = new Set(named.map((index) => data.cells[index].host.name.toLowerCase()));
  const rest = terms.filter((term) => !hosts.has(term));
  rows = facts.filter((fact) => matches(fact, values, rest));
  if (values.order !== "name") rows.sort(ORDERS[values.order]);
  byId("found").textContent = rows.length === facts.length ? plural(facts.length, "test") : `${rows.length.toLocaleString("en")} of ${plural(facts.length, "test")}`;
  active = -1;
  choose(-1);
  layout();
  remember("tests", { ...values, order: values.order === "name" ? "" : values.order });
}

const head = make("div", { class: "head", role: "row" });
const body = make("div", { role: "rowgroup" });
body.style.position = "relative";
scroller.append(head, body);

function layout() {
  const longest = Math.max(4, ...columns.map((cell) => data.cells[cell].name.length));
  scroller.style.setProperty("--columns", String(columns.length));
  scroller.style.setProperty("--head", `${Math.min(170, 14 + longest * 7.2)}px`);
  head.replaceChildren(make("b", { role: "columnheader" }, "test"), ...columns.map((cell) => make("span", { role: "columnheader", class: idle[cell] ? `idle s-${data.cells[cell].state}` : "", title: idle[cell] ? `${data.cells[cell].name}: ${words(data.cells[cell].state)}` : data.cells[cell].name }, data.cells[cell].name)));
  scroller.setAttribute("aria-rowcount", String(rows.length + 1));
  scroller.scrollTop = 0;
  redraw();
}

function redraw() {
  scroller.style.setProperty("--view", `${scroller.clientWidth}px`);
  const height = Math.max(1, rows.length) * rowHeight();
  body.style.height = `${height}px`;
  const bar = scroller.offsetHeight - scroller.clientHeight; // borders, and the bar below where the columns are many
  scroller.style.setProperty("--content", `${head.offsetHeight + height + bar}px`);
  drawn = "";
  paint();
  paintMap();
}

function rowHeight() {
  return parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
}

function paint() {
  const height = rowHeight();
  const first = Math.max(0, Math.floor(scroller.scrollTop / height) - 6);
  const last = Math.min(rows.length, first + Math.ceil(scroller.clientHeight / height) + 12);
  const key = `${first}:${last}:${active}:${activeColumn}:${height}`;
  if (key === drawn) return;
  drawn = key;
  const shown = [];
  for (let at = first; at < last; at += 1) shown.push(row(at, height));
  body.replaceChildren(...shown);
  if (rows.length === 0) body.replaceChildren(make("p", { class: "dim row" }, make("span", { class: "id" }, data.tests.length ? "No test matches." : "No test was seen.")));
}

function shortName(id) {
  const head = id.split("[")[0];
  if (!head.includes("::") && head.endsWith(".py")) return [id.slice(0, head.lastIndexOf("/") + 1), id.slice(head.lastIndexOf("/") + 1)];
  const at = Math.max(head.lastIndexOf("::") + (head.includes("::") ? 2 : 0), head.includes("::") ? 0 : head.lastIndexOf(".") + 1);
  return [id.slice(0, at), id.slice(at)];
}

function row(at, height) {
  const fact = rows[at];
  const [module, short] = shortName(fact.id);
  const line = make("div", { class: `row${fact.nowhere ? " nowhere" : ""}${at === active ? " active" : ""}`, role: "row", id: `row-${at}`, "aria-rowindex": String(at + 2), "aria-selected": String(at === active), "data-at": String(at) },
    make("span", { class: "id", role: "rowheader", title: fact.id },
      fact.nowhere ? make("span", { class: "tag nowhere" }, "ran nowhere") : null,
      make("span", { class: "short" }, short), make("span", { class: "module" }, module.replace(/(\.|::|\/)$/, ""))));
  line.style.top = `${at * height}px`;
  columns.forEach((cell, column) => {
    const outcome = markOf(cell, fact.test);
    const label = `${data.cells[cell].name}: ${markName(cell, outcome)}`;
    line.append(make("span", { class: `box o-${outcome}${idle[cell] ? ` s-${data.cells[cell].state}` : ""}${at === active && column === activeColumn ? " col" : ""}`, role: "gridcell", "aria-label": label, title: label }, glyph(outcome)));
  });
  return line;
}

function describe(fact) {
  const alike = new Map(); // cells that saw the same are told of together
  for (const cell of columns) {
    const told = { outcome: markOf(cell, fact.test), ...whyOf(cell, fact.test) };
    if (idle[cell]) Object.assign(told, { name: markName(cell, told.outcome), reason: data.cells[cell].reasons.map((reason) => reason.message).join("\n") });
    const key = JSON.stringify(told);
    if (!alike.has(key)) alike.set(key, { ...told, cells: [] });
    alike.get(key).cells.push(cell);
  }
  const groups = [...alike.values()].sort((one, two) => "feXswdxpab".indexOf(one.outcome) - "feXswdxpab".indexOf(two.outcome));
  return make("ul", { class: "outcomes" }, groups.map(({ outcome, name, reason, kind, capability, attempts, cells }) => make("li", { class: fact.nowhere ? "nowhere" : "" },
    make("span", { class: `box o-${outcome}`, "aria-hidden": "true" }, glyph(outcome)),
    make("strong", {}, name || OUTCOMES[outcome]), ` in ${plural(cells.length, "cell")}`,
    kind ? [" ", make("span", { class: "tag" }, kind)] : null, capability ? [" ", make("span", { class: "tag" }, capability)] : null,
    reason ? make("pre", { tabindex: "0" }, reason) : null,
    attempts ? make("div", { class: "small" }, `attempts: ${attempts}`) : null,
    make("ul", { class: "where" }, cells.map((cell) => whereSeen(cell, fact.test))))));
}

function whereSeen(cell, test) {
  const { name, host, times } = data.cells[cell];
  const rest = [times[test] ? seconds(times[test] / 1000) : "", host.name].filter(Boolean).join(", ");
  return make("li", {}, make("button", { class: "link", type: "button", onclick: () => show("cells", { cell: String(cell) }) }, name), rest ? make("span", { class: "dim" }, ` ${rest}`) : null);
}

function choose(at) {
  active = at;
  const fact = rows[at];
  document.querySelector(".heat").classList.toggle("open", Boolean(fact));
  detail.hidden = !fact;
  if (!fact) return;
  scroller.setAttribute("aria-activedescendant", `row-${at}`);
  const would = nowhere.get(fact.test);
  detail.replaceChildren(make("h3", {}, fact.id), fact.nowhere ? make("p", {}, make("span", { class: "tag nowhere" }, "ran nowhere"), would ? ` would run with ${would}` : "") : "", describe(fact));
}

function move(to) {
  const at = Math.max(0, Math.min(rows.length - 1, to));
  const height = rowHeight();
  const top = at * height;
  const visible = scroller.clientHeight - head.offsetHeight;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + height > scroller.scrollTop + visible) scroller.scrollTop = top + height - visible;
  choose(at);
  paint();
}

scroller.addEventListener("keydown", (event) => {
  const page = Math.floor(scroller.clientHeight / rowHeight()) - 2;
  const to = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: rows.length - 1, Enter: Math.max(active, 0) }[event.key];
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    activeColumn = Math.max(0, Math.min(columns.length - 1, activeColumn + (event.key === "ArrowRight" ? 1 : -1)));
    paint();
  } else if (event.key === "Escape") {
    choose(-1);
    paint();
  } else if (to !== undefined && rows.length) {
    move(to);
  } else return;
  event.preventDefault();
});
scroller.addEventListener("scroll", () => requestAnimationFrame(paint), { passive: true });
scroller.addEventListener("click", (event) => {
  const line = event.target.closest("[data-at]");
  if (!line) return;
  choose(Number(line.dataset.at));
  paint();
});
function options(select, counted, most) {
  const listed = [...counted].sort((one, two) => two[1] - one[1]).slice(0, most);
  for (const [value, number] of listed) {
    const shown = value.length > 60 ? `${value.slice(0, 59)}…` : value;
    byId(select).append(make("option", { value, title: value }, number ? `${shown} (${number.toLocaleString("en")})` : shown));
  }
}

function places(label, kind, names) {
  byId("host").append(make("optgroup", { label }, names.map((name) => make("option", { value: `${kind} ${name}` }, name || "unnamed"))));
}

function fillFilters() {
  const reasons = new Map();
  const capabilities = new Map();
  data.cells.forEach((cell) => cell.why.forEach(([, reason, , capability]) => {
    const text = data.reasons[reason];
    if (text) reasons.set(text, (reasons.get(text) || 0) + 1);
    if (capability) capabilities.set(capability, (capabilities.get(capability) || 0) + 1);
  }));
  options("reason", reasons, 100);
  options("capability", capabilities, 100);
  const ran = data.cells.filter((cell) => cell.outcomes);
  places("Hosts", "host", [...new Set(ran.map((cell) => cell.host.name))].sort());
  places("Cells", "cell", everywhere.map((cell) => data.cells[cell].name));
  for (const [key, name] of Object.entries(OUTCOMES)) byId("legend").append(make("li", {}, make("span", { class: `box o-${key}`, "aria-hidden": "true" }, glyph(key)), name));
  const kinds = [["b", "in a cell that did not run"], ["w", "would run in that cell"]];
  if (idle.some(Boolean)) for (const [key, name] of kinds) byId("legend").append(make("li", {}, make("span", { class: `box o-${key}`, "aria-hidden": "true" }, glyph(key)), name));
  byId("legend").append(make("li", {}, make("span", { class: "tag nowhere" }, "ran nowhere"), "executed in no cell"));
}

let ready = false;
built.set("tests", (parameters) => {
  if (!ready) fillFilters();
  const given = controls.filter((name) => parameters[name]);
  if (given.length) for (const name of controls) byId(name).value = parameters[name] || (name === "order" ? "name" : "");
  if (!ready || given.length) filter();
  ready = true;
});
let typing = 0;
for (const event of ["input", "change"]) {
  byId("filters").addEventListener(event, () => {
    clearTimeout(typing);
    typing = setTimeout(filter, 60);
  });
}
byId("filters").addEventListener("reset", () => setTimeout(filter));
byId("filters").addEventListener("submit", (event) => event.preventDefault());
new ResizeObserver(() => {
  if (!byId("tests").hidden && ready) redraw();
}).observe(scroller);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => ready && paintMap());
