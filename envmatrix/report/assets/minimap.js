// The map of all rows beside the heat map, as a canvas: where failures, skips and what ran nowhere are, and a way to get there.
const minimap = byId("minimap");

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
  const soft = color("--skipped-soft");
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
      if (idle[columns[column]]) {
        let owed = false;
        for (let at = from; at < to; at += 1) owed ||= owes[columns[column]].has(rows[at].test);
        pen.fillStyle = owed ? dark : soft;
        pen.fillRect(gutter + column * wide, y * Math.min(each, 4), wide, Math.min(each, 4));
        continue;
      }
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

minimap.addEventListener("pointerdown", jump);
minimap.addEventListener("pointermove", (event) => event.buttons && jump(event));

function jump(event) {
  const box = minimap.getBoundingClientRect();
  const used = Math.min(box.height, rows.length * Math.max(1, Math.min(4, Math.floor(box.height / Math.max(1, rows.length)))));
  const share = (event.clientY - box.top) / Math.max(1, used);
  scroller.scrollTop = share * rows.length * rowHeight() - scroller.clientHeight / 2;
}
