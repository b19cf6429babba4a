// The heat map: tests by cells. Only the rows in view exist in the page; the map beside it is a canvas of all of them.
const scroller = byId("scroller");
const minimap = byId("minimap");
const detail = byId("detail");
const controls = ["q", "show", "reason", "capability", "host", "order"];
let rows = [];
let columns = [];
let active = -1;
let activeColumn = 0;
let drawn = "";
let haystacks = null;
const ranCells = data.cells.filter((cell) => cell.outcomes).length;

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
  absent: (fact) => columns.some((cell) => outcomeOf(cell, fact.test) === "a") && columns.some((cell) => outcomeOf(cell, fact.test) !== "a"),
};
const ORDERS = {
  name: () => 0,
  worst: (one, two) => one.worst - two.worst || two.nowhere - one.nowhere,
  slow: (one, two) => two.slowest - one.slowest,
};

function matches(fact, values, terms) {
  if (values.show && !SHOWS[values.show](fact)) return false;
  if (columns.length && columns.length < ranCells && columns.every((cell) => outcomeOf(cell, fact.test) === "a")) return false;
  if (values.reason && !columns.some((cell) => whyOf(cell, fact.test).reason === values.reason)) return false;
  if (values.capability && !columns.some((cell) => whyOf(cell, fact.test).capability === values.capability)) return false;
  return terms.every((term) => haystack(fact.test).includes(term));
}

function filter() {
  const values = Object.fromEntries(controls.map((name) => [name, byId(name).value]));
  const everywhere = data.cells.map((_, index) => index).filter((index) => data.cells[index].outcomes);
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
  head.replaceChildren(make("b", { role: "columnheader" }, "test"), ...columns.map((cell) => make("span", { role: "columnheader", title: data.cells[cell].name }, data.cells[cell].name)));
  scroller.setAttribute("aria-rowcount", String(rows.length + 1));
  scroller.scrollTop = 0;
  redraw();
}

function redraw() {
  scroller.style.setProperty("--view", `${scroller.clientWidth}px`);
  body.style.height = `${rows.length * rowHeight()}px`;
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
    const outcome = outcomeOf(cell, fact.test);
    const label = `${data.cells[cell].name}: ${OUTCOMES[outcome]}`;
    line.append(make("span", { class: `box o-${outcome}${at === active && column === activeColumn ? " col" : ""}`, role: "gridcell", "aria-label": label, title: label }, glyph(outcome)));
  });
  return line;
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function paintMap() {
  const gutter = 6;
  const room = scroller.parentElement.clientWidth < 600 ? 30 : 90;
  const wide = Math.max(1, Math.min(6, Math.floor(room / Math.max(1, columns.length))));
  const width = gutter + wide * columns.length;
  const height = scroller.clientHeight;
  minimap.width = width;
  minimap.height = height;
  const pen = minimap.getContext("2d");
  pen.fillStyle = color("--card");
  pen.fillRect(0, 0, width, height);
  const dark = color("--nowhere");
  const paints = { p: color("--passed-soft"), f: color("--failed"), e: color("--error"), s: color("--skipped"), x: color("--xfailed"), X: color("--xpassed"), d: color("--deselected") };
  const rank = "feXsdxpa";
  const each = Math.max(1, Math.floor(height / Math.max(1, rows.length)));
  const lines = Math.min(height, rows.length);
  for (let y = 0; y < lines; y += 1) {
    const from = Math.floor((y * rows.length) / lines);
    const to = Math.max(from + 1, Math.floor(((y + 1) * rows.length) / lines));
    let none = false;
    for (let at = from; at < to; at += 1) none ||= rows[at].nowhere;
    for (let column = 0; column < columns.length; column += 1) {
      let worst = 7;
      for (let at = from; at < to; at += 1) worst = Math.min(worst, rank.indexOf(outcomeOf(columns[column], rows[at].test)));
      if (worst === 7) continue;
      pen.fillStyle = none && "sd".includes(rank[worst]) ? dark : paints[rank[worst]];
      pen.fillRect(gutter + column * wide, y * Math.min(each, 4), wide, Math.min(each, 4));
    }
    if (none) {
      pen.fillStyle = dark;
      pen.fillRect(0, y * Math.min(each, 4), gutter - 2, Math.min(each, 4));
    }
  }
}

function describe(fact) {
  const alike = new Map(); // cells that saw the same are told of together
  for (const cell of columns) {
    const told = { outcome: outcomeOf(cell, fact.test), ...whyOf(cell, fact.test) };
    const key = JSON.stringify(told);
    if (!alike.has(key)) alike.set(key, { ...told, cells: [] });
    alike.get(key).cells.push(cell);
  }
  const groups = [...alike.values()].sort((one, two) => "feXsdxpa".indexOf(one.outcome) - "feXsdxpa".indexOf(two.outcome));
  return make("ul", { class: "outcomes" }, groups.map(({ outcome, reason, kind, capability, attempts, cells }) => make("li", { class: fact.nowhere ? "nowhere" : "" },
    make("span", { class: `box o-${outcome}`, "aria-hidden": "true" }, glyph(outcome)),
    make("strong", {}, OUTCOMES[outcome]), ` in ${plural(cells.length, "cell")}`,
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
minimap.addEventListener("pointerdown", jump);
minimap.addEventListener("pointermove", (event) => event.buttons && jump(event));

function jump(event) {
  const box = minimap.getBoundingClientRect();
  const used = Math.min(box.height, rows.length * Math.max(1, Math.min(4, Math.floor(box.height / Math.max(1, rows.length)))));
  const share = (event.clientY - box.top) / Math.max(1, used);
  scroller.scrollTop = share * rows.length * rowHeight() - scroller.clientHeight / 2;
}

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
  places("Cells", "cell", ran.map((cell) => cell.name));
  for (const [key, name] of Object.entries(OUTCOMES)) byId("legend").append(make("li", {}, make("span", { class: `box o-${key}`, "aria-hidden": "true" }, glyph(key)), name));
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
