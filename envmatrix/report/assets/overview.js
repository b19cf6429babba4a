// The matrix as a grid, then everything that keeps the verdict from being "passed", worst first.
const STRIP = [["passed", "passed"], ["failed", "failed"], ["error", "error"], ["skipped", "skipped"], ["xfailed", "xfailed"], ["xpassed", "xpassed"], ["deselected", "deselected"]];

function strip(tests) {
  const total = Object.values(tests).reduce((sum, number) => sum + number, 0);
  if (!total) return null;
  const bar = make("span", { class: "strip", "aria-hidden": "true" });
  for (const [name, color] of STRIP) {
    if (!tests[name]) continue;
    const part = make("i", {});
    part.style.width = `${(100 * tests[name]) / total}%`;
    part.style.background = `var(--${color})`;
    bar.append(part);
  }
  return bar;
}

function numbers(cell) {
  const named = Object.entries(cell.tests).filter(([, number]) => number);
  if (!named.length) return cell.reasons.map((reason) => reason.capability || reason.code).join(", ");
  return named.map(([name, number]) => `${number.toLocaleString("en")} ${name}`).join(", ");
}

function tile(cell, index) {
  const where = cell.host && cell.host.name ? ` on ${cell.host.name}` : "";
  return make("button", { class: `tile s-${cell.state}`, type: "button", "data-state": cell.state, onclick: () => show("cells", { cell: String(index) }) },
    make("span", { class: "name" }, cell.name),
    make("span", { class: "state" }, words(cell.state)),
    make("span", { class: "numbers" }, numbers(cell)),
    cell.duration_s ? make("span", { class: "numbers" }, `${seconds(cell.duration_s)}${where}`) : null,
    strip(cell.tests));
}

function stateChips(section) {
  const chips = make("ul", { class: "states", "aria-label": "Show cells of one state" });
  for (const state of STATES) {
    const number = data.cells.filter((cell) => cell.state === state).length;
    if (!number) continue;
    const chip = make("button", { class: `chip s-${state}`, type: "button", "aria-pressed": "false" }, `${number} ${words(state)}`);
    chip.addEventListener("click", () => {
      const on = chip.getAttribute("aria-pressed") !== "true";
      for (const other of chips.querySelectorAll(".chip")) other.setAttribute("aria-pressed", String(on && other === chip));
      for (const one of section.querySelectorAll(".tile")) one.classList.toggle("faded", on && one.dataset.state !== state);
    });
    chips.append(make("li", {}, chip));
  }
  return chips;
}

function matrix() {
  const profiles = [...new Set(data.cells.map((cell) => cell.profile))];
  return make("div", { class: "matrix" }, profiles.map((profile) => {
    const tiles = data.cells.map((cell, index) => [cell, index]).filter(([cell]) => cell.profile === profile);
    return make("div", { class: "matrix-row" }, make("h3", {}, profile), make("div", { class: "tiles" }, tiles.map(([cell, index]) => tile(cell, index))));
  }));
}

function failures() {
  const found = [];
  data.cells.forEach((cell, index) => {
    if (cell.state !== "failed") return;
    for (let test = 0; test < cell.outcomes.length; test += 1) {
      if ("fe".includes(cell.outcomes[test])) found.push([index, test]);
    }
  });
  const shown = found.slice(0, 25).map(([cell, test], at) => make("details", { class: "card t-failed", open: at < 3 },
    make("summary", {}, make("span", { class: "tag" }, OUTCOMES[outcomeOf(cell, test)]), " ", make("code", {}, data.tests[test]), ` in ${data.cells[cell].name}`),
    whyOf(cell, test).reason ? make("pre", { tabindex: "0" }, whyOf(cell, test).reason) : null));
  const silent = data.cells.filter((cell, index) => cell.state === "failed" && !found.some(([at]) => at === index))
    .map((cell) => make("div", { class: "card t-failed" }, make("strong", {}, cell.name), ": no single test failed", reasonList(cell.reasons), cell.log ? make("pre", { tabindex: "0" }, cell.log) : null));
  if (found.length > 25) shown.push(make("button", { class: "link", type: "button", onclick: () => show("tests", { show: "bad" }) }, `all ${found.length.toLocaleString("en")} in Tests`));
  return part(`Failed: ${plural(found.length, "test")}`, [...shown, ...silent]);
}

function part(title, children) {
  return children.length ? [make("h2", {}, title), ...children] : [];
}

function testLink(name) {
  return make("button", { class: "link mono", type: "button", onclick: () => show("tests", { q: name }) }, name);
}

function breaches() {
  return part(`Breaches: ${data.breaches.length} not kept`, data.breaches.map((breach) => make("div", { class: "card t-breach" },
    make("span", { class: "tag" }, breach.code), " ", make("strong", {}, breach.cell || "the whole matrix"), make("div", {}, breach.message),
    breach.tests.length ? make("ul", {}, breach.tests.slice(0, 8).map((name) => make("li", {}, testLink(name)))) : null,
    breach.tests.length > 8 ? make("span", { class: "dim" }, `… and ${breach.tests.length - 8} more`) : null)));
}

function waiting(title, tone, states) {
  const cells = data.cells.filter((cell) => states.includes(cell.state));
  return part(`${title}: ${plural(cells.length, "cell")}`, cells.map((cell) => make("div", { class: `card ${tone}` },
    make("strong", {}, cell.name), " ", make("span", { class: "tag" }, words(cell.state)), reasonList(cell.reasons),
    cell.details.map((detail) => make("pre", { tabindex: "0" }, detail)))));
}

function nowhereGroups() {
  const total = data.groups.reduce((sum, group) => sum + group.tests.length, 0);
  return part(`Ran nowhere: ${plural(total, "test")}`, data.groups.map((group) => make("details", { class: "card t-nowhere" },
    make("summary", {}, make("strong", {}, plural(group.tests.length, "test")), ` · ${group.why[0][0]}`, group.would_run ? make("span", { class: "dim" }, ` · would run with ${group.would_run}`) : null),
    group.why.filter(([, cells]) => cells.length).map(([reason, cells]) => make("div", { class: "dim small" },
      group.why.length > 1 ? `in ${cells.join(", ")}: ${reason}` : `seen in ${cells.join(", ")}`)),
    make("ul", {}, group.tests.slice(0, 30).map((name) => make("li", {}, testLink(name)))),
    group.tests.length > 30 ? make("button", { class: "link", type: "button", onclick: () => show("tests", { show: "nowhere" }) }, `all ${group.tests.length.toLocaleString("en")} in Tests`) : null)));
}

function notes() {
  const own = data.notes.map((note) => make("div", { class: "card" }, note));
  const cells = data.cells.flatMap((cell) => cell.notes.map((note) => make("div", { class: "card" }, make("strong", {}, cell.name), `: ${note}`)));
  return part("Notes", [...own, ...cells]);
}

built.set("overview", () => {
  const section = byId("overview");
  if (section.childElementCount) return;
  const wrong = [...failures(), ...waiting("Inconclusive", "t-inconclusive", ["inconclusive"]), ...breaches(), ...nowhereGroups(),
    ...waiting("Blocked, owed and stale", "t-waiting", ["blocked", "owed", "stale"])];
  section.append(make("h2", {}, plural(data.cells.length, "cell")), stateChips(section), matrix(),
    ...(wrong.length ? wrong : [make("h2", {}, "Nothing was left out"), make("p", { class: "good" }, "Everything that was asked for ran and passed.")]),
    ...waiting("Not relevant to the change", "", ["not_relevant"]), ...notes());
});
