// One cell at a time: what it was judged, on which host, with what installed, what it ran and what it printed.
function table(names, lines) {
  return make("div", { class: "scroll", tabindex: "0" }, make("table", {}, make("thead", {}, make("tr", {}, names.map((name) => make("th", { scope: "col" }, name)))),
    make("tbody", {}, lines.map((line) => make("tr", {}, line.map((value) => make("td", {}, value)))))));
}

function pairs(entries) {
  return make("dl", { class: "pairs" }, entries.filter(([, value]) => value).map(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
}

function environment(cell) {
  const host = cell.host;
  return pairs([
    ["profile", cell.profile], ["axes", Object.entries(cell.axes).map(([name, value]) => `${name} ${value}`).join(", ")],
    ["host", [host.name, host.distribution, host.system && `${host.system} ${host.release}`, host.machine, host.cpus && plural(host.cpus, "cpu"), host.memory_mb && `${host.memory_mb.toLocaleString("en")} MB`, host.user && `user ${host.user}`].filter(Boolean).join(" · ")],
    ["interpreter", cell.interpreter], ["started", cell.started && `${cell.started}, ${seconds(cell.duration_s)}`], ["narrowed by", cell.partial],
    ["attempt", cell.attempt > 1 ? `${cell.attempt}${cell.attempt_reason ? ` (${cell.attempt_reason})` : ""}` : ""], ["evidence", cell.evidence],
  ]);
}

function distributions(cell) {
  const box = make("input", { type: "search", placeholder: "filter", "aria-label": "Filter the installed distributions" });
  const lines = cell.distributions.map(([name, version, owner]) => [name, version, owner === "system" ? "system" : "environment"]);
  const holder = make("div", {}, table(["distribution", "version", "of"], lines));
  box.addEventListener("input", () => holder.replaceChildren(table(["distribution", "version", "of"], lines.filter((line) => line[0].toLowerCase().includes(box.value.toLowerCase())))));
  const system = lines.filter((line) => line[2] === "system").length;
  return make("details", { open: lines.length < 40 }, make("summary", {}, `${plural(lines.length, "distribution")}, ${system} of the system`), lines.length > 10 ? box : null, holder);
}

function picture(cell) {
  const parts = [make("h2", {}, cell.name, " ", make("span", { class: "tag" }, words(cell.state))), reasonList(cell.reasons), environment(cell), strip(cell.tests), Object.keys(cell.tests).length ? make("p", { class: "small dim" }, numbers(cell)) : null];
  if (cell.outcomes) parts.push(make("p", {}, make("button", { class: "link", type: "button", onclick: () => show("tests", { host: `cell ${cell.name}` }) }, "its tests")));
  if (cell.others.length) parts.push(make("h2", {}, "Also reported for this cell"), table(["host", "started", "ended", "tests", "because"], cell.others));
  if (cell.findings.length) parts.push(make("h2", {}, "Capabilities, as proved in the environment"), table(["capability", "status", "version", "used by a test", "message"], cell.findings.map((found) => [found.capability, found.status, found.version || "", found.used === undefined ? "" : found.used ? "yes" : "no", found.message || found.where || ""])));
  if (cell.commands.length) parts.push(make("h2", {}, "Commands"), table(["exit", "took", "command"], cell.commands.map((command) => [String(command.exit) + (command.ignored ? " (ignored)" : "") + (command.inverted ? " (to fail)" : ""), make("span", { class: "whole" }, seconds(command.duration_s)), make("code", {}, command.line)])));
  if (cell.distributions.length) parts.push(make("h2", {}, "Installed"), distributions(cell));
  for (const detailText of cell.details) parts.push(make("h2", {}, "What the installer said"), make("pre", { tabindex: "0" }, detailText));
  if (cell.log) parts.push(make("h2", {}, "End of the log"), make("pre", { tabindex: "0", class: "log" }, cell.log));
  if (!cell.evidence && !cell.commands.length) parts.push(make("p", { class: "dim" }, "There is no evidence for this cell: it did not run."));
  return parts.flat(Infinity).filter(Boolean);
}

built.set("cells", (parameters) => {
  const section = byId("cells");
  if (!section.childElementCount) {
    section.append(make("div", { class: "split" }, make("ul", { class: "pick", "aria-label": "Cells" }, data.cells.map((cell, index) => make("li", {}, make("button", { type: "button", class: `s-${cell.state}`, "data-cell": String(index), onclick: () => show("cells", { cell: String(index) }) }, cell.name)))), make("div", { class: "picture" })));
  }
  const chosen = data.cells[Number(parameters.cell)] ? Number(parameters.cell) : 0;
  for (const button of section.querySelectorAll(".pick button")) button.setAttribute("aria-current", String(Number(button.dataset.cell) === chosen));
  if (data.cells[chosen]) section.querySelector(".picture").replaceChildren(...picture(data.cells[chosen]));
  const log = section.querySelector(".log");
  if (log) log.scrollTop = log.scrollHeight;
});

function badge(tab, number, alert) {
  if (number) byId(tab).append(make("span", { class: `count${alert ? " alert" : ""}` }, number.toLocaleString("en")));
}

badge("tab-tests", data.tests.length, false);
badge("tab-drift", data.drift ? data.drift.tests.length : 0, false);
badge("tab-cells", data.cells.length, false);
addEventListener("hashchange", fromAddress);
fromAddress();
document.documentElement.dataset.ready = "true";
