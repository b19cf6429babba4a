// Where the time went: cells and tests as bars, the schedule as a timeline of hosts.
function bar(label, share, value, tone, start = 0, title = label) {
  const fill = make("i", {});
  fill.style.left = `${100 * start}%`;
  fill.style.width = `${Math.max(0, Math.min(100 * share, 100 - 100 * start))}%`;
  if (tone) fill.style.background = `var(--${tone})`;
  return make("li", {}, make("span", { class: "label", title }, make("bdi", {}, label)), make("span", { class: "track", "aria-hidden": "true" }, fill), make("span", { class: "value" }, value));
}

const TONES = { passed: "passed", failed: "failed", inconclusive: "inconclusive", stale: "stale", blocked: "skipped", owed: "skipped", not_relevant: "aside" };

function durations() {
  const cells = data.cells.filter((cell) => cell.duration_s > 0).sort((one, two) => two.duration_s - one.duration_s);
  if (!cells.length) return [make("p", { class: "dim" }, "No cell ran.")];
  const most = cells[0].duration_s;
  return [make("ul", { class: "bars", id: "durations" }, cells.map((cell) => bar(cell.name, cell.duration_s / most, seconds(cell.duration_s), TONES[cell.state])))];
}

// The last two parts of a test's name, which say most of it: "test_it.py::test_a", "Tests.test_a".
function inClass(id) {
  const [module, short] = shortName(id);
  const [mark, part] = module.endsWith("::") ? ["::", /::|\//] : module.endsWith("/") ? ["/", /\//] : [".", /\./];
  return [...module.split(part).filter(Boolean).slice(-1), short].join(mark);
}

function slowest() {
  const found = [];
  data.cells.forEach((cell) => cell.times.forEach((took, test) => took > 0 && found.push([took, test, cell])));
  found.sort((one, two) => two[0] - one[0]);
  if (!found.length) return [make("p", { class: "dim" }, "No test has a duration.")];
  return [make("ul", { class: "bars" }, found.slice(0, 25).map(([took, test, cell]) => bar(`${inClass(data.tests[test])} · ${cell.name}`, took / found[0][0], seconds(took / 1000), "", 0, data.tests[test])))];
}

function timeline() {
  const ran = data.cells.filter((cell) => Date.parse(cell.started) && cell.duration_s >= 0)
    .map((cell) => ({ cell, from: Date.parse(cell.started), to: Math.max(Date.parse(cell.finished) || 0, Date.parse(cell.started) + 1000 * cell.duration_s) }));
  if (!ran.length) return [make("p", { class: "dim" }, "No cell says when it started.")];
  const first = Math.min(...ran.map((one) => one.from));
  const whole = Math.max(1, Math.max(...ran.map((one) => one.to)) - first);
  const clock = (share) => new Date(first + share * whole).toISOString().slice(11, 19);
  const axis = make("div", { class: "axis" });
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const tick = make("span", {}, clock(share));
    tick.style.left = `${100 * share}%`;
    axis.append(tick);
  }
  const list = make("ul", { class: "bars", id: "timeline" }, make("li", {}, make("span", { class: "dim small" }, `UTC, ${new Date(first).toISOString().slice(0, 10)}`), axis, make("span")));
  for (const host of [...new Set(ran.map((one) => one.cell.host.name))].sort()) {
    list.append(make("li", { class: "host" }, host || "unnamed host"));
    for (const one of ran.filter((entry) => entry.cell.host.name === host).sort((a, b) => a.from - b.from)) {
      list.append(bar(one.cell.name, (one.to - one.from) / whole, `${clock((one.from - first) / whole)} · ${seconds(one.cell.duration_s)}`, TONES[one.cell.state], (one.from - first) / whole));
    }
  }
  return [list];
}

built.set("time", () => {
  const section = byId("time");
  if (section.childElementCount) return;
  section.append(make("h2", {}, "Schedule"), ...timeline(), make("h2", {}, "Cells, longest first"), ...durations(), make("h2", {}, "Slowest tests"), ...slowest());
});

built.set("drift", () => {
  const section = byId("drift");
  if (section.childElementCount) return;
  if (!data.drift) {
    section.append(make("h2", {}, "Drift"), make("p", {}, "This report was not compared with an earlier run. ", make("code", {}, "envmatrix report --against TREE --format html"), " does that."));
    return;
  }
  section.append(make("h2", {}, `${plural(data.drift.tests.length, "change")} since ${data.drift.against || "the earlier run"}`));
  if (!data.drift.tests.length) section.append(make("p", { class: "good" }, "Every test is what it was."));
  for (const kind of [...new Set(data.drift.tests.map((change) => change.kind))]) {
    const found = data.drift.tests.filter((change) => change.kind === kind);
    section.append(make("h2", {}, `${words(kind)}: ${found.length}`), make("div", { class: "scroll", tabindex: "0" }, make("table", {},
      make("thead", {}, make("tr", {}, ["test", "cell", "before", "after", "reason"].map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, found.slice(0, 1000).map((change) => make("tr", {}, make("td", {}, testLink(change.test)), make("td", {}, change.cell), make("td", {}, change.before || "absent"), make("td", {}, change.after || "absent"), make("td", {}, change.reason || "")))))));
    if (found.length > 1000) section.append(make("p", { class: "dim" }, `… and ${found.length - 1000} more, all in --format json`));
  }
});
