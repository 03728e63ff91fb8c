// The page of rosso-dump: one state, and functions that draw it. Everything comes from the JSON in
// the page; nothing is fetched.
//
// Stages of a kernel meet in the lines of its MLIR: LLVM IR and machine code name such a line, and
// each line of MLIR names its graph nodes. Selecting a line anywhere selects what belongs to it.
"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const isGpu = data.kernels.some((kernel) => kernel.facts);

// ---- the pieces ------------------------------------------------------------------------------

function el(tag, attrs = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attrs)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "class") node.className = value;
    else if (value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}
function svg(tag, attrs = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attrs)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
const bytes = (n) => {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (n >= 1024 && unit < 3) { n /= 1024; ++unit; }
  return (unit ? n.toFixed(n < 10 ? 2 : 1) : n) + " " + units[unit];
};
const micro = (us) => us >= 1000 ? (us / 1000).toFixed(2) + " ms" : us.toFixed(1) + " µs";
const linesOf = (text) => text.replace(/\n$/, "").split("\n");
const numbers = (text) => text === "" ? [] : text.split(",").map(Number);
const lists = (text) => text.split(",").map((one) => one === "" ? [] : one.split(" ").map(Number));

// ---- what is known, unpacked when it is first needed --------------------------------------------

const graphLines = linesOf(data.graph);
const graphLineOf = new Map(); // node -> line
graphLines.forEach((line, i) => {
  const found = /^%(\d+) = /.exec(line);
  if (found) graphLineOf.set(Number(found[1]), i);
});

const launchesOf = data.kernels.map(() => []);
data.entries.forEach((entry, e) => entry.launches.forEach((launch, i) =>
  launchesOf[launch.kernel].push({ ...launch, entry: e, index: i })));
const timeOf = launchesOf.map((list) => list.reduce((sum, launch) => sum + (launch.us || 0), 0));
const longest = Math.max(...timeOf, 1e-9);

/// A stage for a pane: its lines, and for each the MLIR lines and nodes it belongs to.
const stageCache = new Map();
function stagesOf(index) {
  if (stageCache.has(index)) return stageCache.get(index);
  const kernel = data.kernels[index];
  const codeNodes = lists(kernel.code.nodes);
  const stages = new Map();
  const graph = kernel.nodes.map((node) => graphLineOf.get(node)).filter((line) => line !== undefined);
  stages.set("graph", {
    title: "Graph", lines: graph.map((line) => graphLines[line]),
    nodes: graph.map((line) => [Number(/^%(\d+)/.exec(graphLines[line])[1])]),
  });
  stages.set("region", {
    title: "Kernel IR", lines: linesOf(kernel.region.text), nodes: lists(kernel.region.nodes),
  });
  const code = linesOf(kernel.code.text);
  stages.set("code", {
    title: "MLIR", lines: code, nodes: codeNodes, code: code.map((_, i) => i + 1),
  });
  const byCode = (title, text, list) => {
    const at = numbers(list);
    return { title, lines: linesOf(text), code: at,
             nodes: at.map((line) => line ? codeNodes[line - 1] || [] : []) };
  };
  stages.set("llvm", byCode("LLVM IR", kernel.llvm.text, kernel.llvm.lines));
  const isa = byCode("ISA", kernel.isa.text, kernel.isa.lines);
  isa.hot = new Set(numbers(kernel.isa.hot || ""));
  isa.isa = true;
  stages.set("isa", isa);
  stageCache.set(index, stages);
  return stages;
}
/// The stages before there are kernels, cut down to what a kernel is made of.
const passCache = new Map();
function passStage(index) {
  if (!passCache.has(index)) {
    const stage = data.stages[index];
    passCache.set(index, {
      title: stage.stage + (stage.entry ? " · " + stage.entry : ""),
      lines: linesOf(stage.ir.text), nodes: lists(stage.ir.nodes),
    });
  }
  return passCache.get(index);
}
function sliced(stage, nodes) {
  const wanted = new Set(nodes), lines = [], kept = [], numbersOfLines = [];
  stage.lines.forEach((line, i) => {
    if ((stage.nodes[i] || []).some((node) => wanted.has(node))) {
      lines.push(line); kept.push(stage.nodes[i]); numbersOfLines.push(i + 1);
    }
  });
  return { title: stage.title, lines, nodes: kept, numbers: numbersOfLines };
}

// ---- the state -----------------------------------------------------------------------------------

const state = {
  view: "overview", kernel: 0, query: "", pass: -1, passes: [0, data.stages.length - 1],
  shown: new Set(["code", "isa"]), panes: [],
};
const kStages = ["graph", "pass", "region", "code", "llvm", "isa"];
const kTitles = { graph: "Graph", pass: "Pass", region: "Kernel IR", code: "MLIR", llvm: "LLVM IR",
                  isa: "ISA" };
const kViews = [["overview", "Overview"], ["kernel", "Kernel"], ["passes", "Passes"],
                ["arena", "Arena"], ["commands", "Commands"], ["graph", "Graph"]];
const kColours = ["#a8323a", "#2f6db3", "#4b7a3c", "#8a5a00", "#8b2fa0", "#2a8c8c", "#b5651d",
                  "#5b5bd6", "#7a7a2e", "#c0487a"];
const kBounds = { vram: 1, wave: 3, valu: 0, l0: 5, lds: 4, chain: 6, link: 7, launch: 8 };
const colourOf = (name) => kColours[(name in kBounds ? kBounds[name]
  : [...name].reduce((sum, c) => sum * 31 + c.charCodeAt(0) >>> 0, 7)) % kColours.length];

// ---- panes of code ---------------------------------------------------------------------------------

const kChunk = 200;
const isaKind = (comment) => {
  const what = /^; (\S+)/.exec(comment);
  if (!what) return "";
  const name = what[1];
  if (/^(global|scratch|lds|smem)/.test(name)) return "memory";
  if (/^(wmma|valu\.dot)/.test(name)) return "matrix";
  if (/^(valu|vopd)/.test(name)) return "valu";
  if (/^(salu|branch|barrier)/.test(name)) return "scalar";
  return "quiet";
};
function lineElement(stage, i) {
  const text = stage.lines[i];
  const node = el("div", { class: "line", "data-n": stage.numbers ? stage.numbers[i] : i + 1 });
  node.dataset.i = i;
  const comment = stage.isa ? text.lastIndexOf("  ;") : -1;
  if (comment > 0) {
    const head = /^(\s+[0-9a-f]+\s+(?:[0-9a-f]{2,} )*\s*)(\S+)(.*)$/.exec(text.slice(0, comment));
    const kind = isaKind(text.slice(comment + 2));
    if (kind) node.classList.add(kind);
    if (head) node.append(el("i", {}, head[1]), el("b", {}, head[2]), head[3]);
    else node.append(text.slice(0, comment));
    node.append(el("i", {}, text.slice(comment)));
  } else {
    node.append(text);
  }
  if (stage.hot && stage.hot.has(i)) node.classList.add("hot");
  return node;
}
function makePane(key, stage) {
  const code = el("div", { class: "code", tabindex: "0", role: "region",
                           "aria-label": stage.title });
  for (let from = 0; from < stage.lines.length; from += kChunk) {
    const chunk = el("div", { class: "chunk" });
    const to = Math.min(from + kChunk, stage.lines.length);
    chunk.style.containIntrinsicSize = `auto 60rem auto ${(to - from) * 1.45 * 12}px`;
    for (let i = from; i < to; ++i) chunk.append(lineElement(stage, i));
    code.append(chunk);
  }
  const pane = { key, stage, code, at: -1 };
  code.addEventListener("click", (event) => {
    const line = event.target.closest(".line");
    if (line && String(getSelection()) === "") select(pane, Number(line.dataset.i));
  });
  code.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20 }[event.key];
    if (!step || stage.lines.length === 0) return;
    event.preventDefault();
    select(pane, Math.max(0, Math.min(stage.lines.length - 1, pane.at + step)));
    reveal(pane, pane.at);
  });
  pane.element = el("section", { class: "pane", "data-stage": key },
    el("h4", {}, stage.title, el("span", {}, stage.lines.length + " lines")), code);
  return pane;
}
const lineOf = (pane, i) => pane.code.children[Math.floor(i / kChunk)].children[i % kChunk];
function reveal(pane, i) {
  const line = lineOf(pane, i), box = pane.code.getBoundingClientRect();
  line.scrollIntoView({ block: "nearest", inline: "nearest" });
  const at = line.getBoundingClientRect();
  if (at.top < box.top + 20 || at.bottom > box.bottom - 20)
    pane.code.scrollTop += at.top - box.top - box.height / 2;
}
/// Marks a line and everything in the other panes that comes from the same code or nodes.
function select(pane, i) {
  const { stage } = pane;
  const nodes = new Set(stage.nodes[i] || []);
  const code = new Set(stage.code && stage.code[i] ? [stage.code[i]] : []);
  const fromNodes = !stage.code; // graphs and IR know nodes only
  for (const other of state.panes) {
    let first = -1;
    other.stage.lines.forEach((_, k) => {
      const its = other.stage.nodes[k] || [];
      const on = other === pane ? k === i
        : other.stage.code && !fromNodes ? code.has(other.stage.code[k])
        : its.some((node) => nodes.has(node));
      lineOf(other, k).classList.toggle("on", on);
      if (on && first < 0) first = k;
    });
    if (other.at >= 0 && lineOf(other, other.at)) lineOf(other, other.at).classList.remove("at");
    if (other === pane) {
      pane.at = i;
      lineOf(pane, i).classList.add("at");
    } else {
      other.at = first;
      if (first >= 0) reveal(other, first);
    }
  }
}
function showPanes(into, list) {
  state.panes = list.map(([key, stage]) => makePane(key, stage));
  into.replaceChildren(...state.panes.map((pane) => pane.element));
  markHits();
}

// ---- search ----------------------------------------------------------------------------------------

/// Where a kernel has the query: 0 nowhere, else how many lines (its name counts as one).
function hitsOf(index, query) {
  const kernel = data.kernels[index];
  let hits = (kernel.name + " " + kernel.schedule).toLowerCase().includes(query) ? 1 : 0;
  for (const text of [kernel.region.text, kernel.code.text, kernel.llvm.text, kernel.isa.text]) {
    const low = text.toLowerCase();
    for (let at = low.indexOf(query); at >= 0; at = low.indexOf(query, at + query.length)) ++hits;
  }
  return hits;
}
function markHits() {
  let hits = 0;
  for (const pane of state.panes)
    pane.stage.lines.forEach((text, i) => {
      const hit = state.query !== "" && text.toLowerCase().includes(state.query);
      hits += hit;
      lineOf(pane, i).classList.toggle("hit", hit);
    });
  return hits;
}
function nextHit(backwards) {
  const all = [...document.querySelectorAll("#main .line.hit")];
  if (all.length === 0) return;
  const current = all.indexOf(document.querySelector("#main .line.hit.at"));
  const next = all[(current + (backwards ? -1 : 1) + all.length) % all.length];
  const pane = state.panes.find((each) => each.code.contains(next));
  if (pane) { select(pane, Number(next.dataset.i)); reveal(pane, pane.at); }
}

// ---- the list of kernels -----------------------------------------------------------------------------

const order = data.kernels.map((_, i) => i).sort((a, b) => timeOf[b] - timeOf[a] || a - b);
function visibleKernels() {
  return order.filter((i) => state.query === "" || hitsOf(i, state.query) > 0);
}
function drawKernels() {
  const visible = visibleKernels();
  $("kernels").replaceChildren(...visible.map((i) => {
    const kernel = data.kernels[i], count = launchesOf[i].length;
    const item = el("button", {
      class: "kernel", role: "option", type: "button", "data-kernel": kernel.name, tabindex: "-1",
      "aria-selected": state.view === "kernel" && state.kernel === i ? "true" : "false",
      onclick: () => openKernel(i),
    }, el("span", { class: "name" }, kernel.name),
       el("span", { class: "time" }, count + (count === 1 ? " launch" : " launches") +
          (isGpu ? ", " + micro(timeOf[i]) : "")));
    if (isGpu) {
      const bar = el("span", { class: "bar" });
      bar.style.width = 100 * timeOf[i] / longest + "%";
      item.append(bar);
    }
    return item;
  }));
  $("found").textContent = state.query === "" ? data.kernels.length + " kernels"
    : visible.length + " of " + data.kernels.length;
}
function drawViews() {
  $("views").replaceChildren(...kViews.filter(([key]) => key !== "commands" || isGpu).map(
    ([key, title]) => el("button", {
      type: "button", role: "tab", "data-view": key,
      "aria-selected": state.view === key ? "true" : "false", onclick: () => open(key),
    }, title)));
}

// ---- views -------------------------------------------------------------------------------------------

function bar(share, colour) {
  const meter = el("span", { class: "meter" });
  meter.style.width = Math.max(1, 160 * share) + "px";
  if (colour) meter.style.background = colour;
  return meter;
}
function table(head, rows, textColumns = 1) {
  return el("table", {}, el("thead", {}, el("tr", {},
    ...head.map((text, i) => el("th", i < textColumns ? { class: "text" } : {}, text)))),
    el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, i) =>
      cell instanceof HTMLTableCellElement ? cell
        : el("td", i < textColumns ? { class: "text" } : {}, cell ?? ""))))));
}
const kernelLink = (i) => el("td", { class: "name text" }, el("button", {
  type: "button", onclick: () => openKernel(i) }, data.kernels[i].name));

function drawOverview(main) {
  main.append(el("h2", {}, data.source + " for " + data.target));
  for (const entry of data.entries) {
    const sums = new Map();
    let whole = 0;
    for (const launch of entry.launches) {
      const sum = sums.get(launch.kernel) || { us: 0, count: 0, least: 0, bounds: {} };
      sum.us += launch.us || 0;
      sum.least += launch.least;
      ++sum.count;
      if (launch.bound) sum.bounds[launch.bound] = (sum.bounds[launch.bound] || 0) + 1;
      sums.set(launch.kernel, sum);
      whole += launch.us || 0;
    }
    main.append(el("h3", {}, entry.name), el("p", { class: "note" },
      entry.launches.length + " launches" +
      (isGpu ? ", predicted " + micro(whole) + " with " + data.at : "")));
    const most = Math.max(...[...sums.values()].map((sum) => isGpu ? sum.us : sum.least), 1e-9);
    const rows = [...sums].sort((a, b) => isGpu ? b[1].us - a[1].us : b[1].least - a[1].least)
      .map(([i, sum]) => {
        const bound = Object.entries(sum.bounds).sort((a, b) => b[1] - a[1])[0];
        const value = isGpu ? sum.us : sum.least;
        const cells = [kernelLink(i),
          el("td", { class: "text" }, bar(value / most, bound && colourOf(bound[0]))),
          String(sum.count), bytes(sum.least)];
        if (isGpu)
          cells.splice(2, 0, micro(sum.us), (100 * sum.us / (whole || 1)).toFixed(1) + " %",
                       bound ? bound[0] : "");
        return cells;
      });
    main.append(table(isGpu ? ["kernel", "time", "", "share", "bound", "launches", "least bytes"]
                            : ["kernel", "least bytes", "launches", ""], rows, 2));
  }
  if (isGpu)
    main.append(el("p", { class: "legend" }, ...Object.keys(kBounds).map((name) => {
      const box = el("i");
      box.style.background = colourOf(name);
      return el("span", {}, box, name);
    })));
}

function mixBar(title, mix) {
  const all = Object.values(mix).reduce((sum, n) => sum + n, 0);
  if (!all) return "";
  const strip = el("div", { class: "mix", role: "img", "aria-label": title });
  const legend = el("div", { class: "legend" });
  for (const [name, count] of Object.entries(mix).sort((a, b) => b[1] - a[1])) {
    const part = el("span", { title: `${name}: ${count}` });
    part.style.width = 100 * count / all + "%";
    part.style.background = colourOf(name);
    strip.append(part);
    const box = el("i");
    box.style.background = colourOf(name);
    legend.append(el("span", {}, box, `${name} ${count}`));
  }
  return el("div", {}, el("h3", {}, title), strip, legend);
}

function drawKernel(main) {
  const kernel = data.kernels[state.kernel], launches = launchesOf[state.kernel];
  main.append(el("h2", { id: "kernel-name" }, kernel.name), el("p", { class: "note" }, kernel.schedule));
  if (kernel.facts)
    main.append(el("ul", { class: "facts" }, ...Object.entries(kernel.facts).map(([name, value]) =>
      el("li", (name === "spills" || name === "scratch bytes") && value ? { class: "bad" } : {},
         name + " ", el("b", {}, String(value))))));
  const details = el("details", {}, el("summary", {},
    `${launches.length} launches` + (isGpu ? `, ${micro(timeOf[state.kernel])}; mix` : "")));
  const head = isGpu ? ["launch", "groups", "least", "asked for", "slots/weight", "time", "bound",
                        "buffers"] : ["launch", "least", "buffers"];
  details.append(el("div", { class: "scroll" }, table(head, launches.map((launch) => {
    const where = data.entries[launch.entry].name + " " + launch.index;
    const buffers = el("td", { class: "text" }, launch.buffers.map((name, i) =>
      (i >= launch.buffers.length - launch.outputs ? "→ " : "") + name).join(", "));
    return isGpu ? [where, String(launch.groups), bytes(launch.least), bytes(launch.asked),
                    launch.slotsPerWeight ? launch.slotsPerWeight.toFixed(2) : "", micro(launch.us),
                    launch.bound, buffers] : [where, bytes(launch.least), buffers];
  }))));
  if (kernel.mix)
    details.append(mixBar("Instructions of the code", kernel.mix),
                   mixBar("Instructions of the hot loop, once", kernel.hotMix || {}));
  main.append(details);

  const panes = el("div", { class: "panes" });
  const passes = data.stages.map((stage, i) => [stage, i]).filter(([, i]) =>
    sliced(passStage(i), kernel.nodes).lines.length > 0).map(([, i]) => i);
  if (!passes.includes(state.pass)) state.pass = passes.length ? passes[passes.length - 1] : -1;
  const choose = el("select", { "aria-label": "Pass", onchange: (event) => {
    state.pass = Number(event.target.value);
    state.shown.add("pass");
    draw();
  } }, ...passes.map((i) => el("option", { value: i, selected: i === state.pass },
                                "after " + passStage(i).title)));
  main.append(el("div", { class: "row", id: "stages" }, ...kStages.map((key, i) => el("button", {
    type: "button", "data-stage": key, "aria-pressed": state.shown.has(key) ? "true" : "false",
    title: `Show or hide (${i + 1})`, onclick: () => toggleStage(key) }, kTitles[key])), choose), panes);
  const stages = stagesOf(state.kernel);
  showPanes(panes, kStages.filter((key) => state.shown.has(key)).map((key) =>
    [key, key === "pass" ? sliced(state.pass < 0 ? { lines: [], nodes: [], title: "Pass" }
                                                 : passStage(state.pass), kernel.nodes)
                         : stages.get(key)]));
}
function toggleStage(key) {
  if (!state.shown.delete(key)) state.shown.add(key);
  draw();
}

function drawPasses(main) {
  main.append(el("h2", {}, "IR after every pass"));
  const panes = el("div", { class: "panes" });
  main.append(el("div", { class: "row" }, ...[0, 1].map((side) => el("select", {
    "aria-label": side ? "Right side" : "Left side", onchange: (event) => {
      state.passes[side] = Number(event.target.value);
      draw();
    } }, ...data.stages.map((_, i) => el("option", { value: i, selected: i === state.passes[side] },
                                         `${i} ${passStage(i).title}`))))), panes);
  showPanes(panes, state.passes.map((i, side) => ["pass" + side, passStage(i)]));
}

function tip(text, event) {
  let box = $("tip");
  if (!text) { if (box) box.remove(); return; }
  if (!box) document.body.append(box = el("div", { id: "tip" }));
  box.textContent = text;
  box.style.left = Math.min(event.clientX + 12, innerWidth - 320) + "px";
  box.style.top = event.clientY + 14 + "px";
}
function drawArena(main) {
  main.append(el("h2", {}, "Arena, " + bytes(data.arena.bytes)));
  const whole = svg("svg", { class: "arena", viewBox: "0 0 1000 60", role: "img",
                             "aria-label": "Regions of the arena" });
  const scale = 980 / Math.max(data.arena.bytes, 1);
  data.arena.regions.forEach((region, i) => {
    const box = svg("rect", { x: 10 + region.offset * scale, y: 8, height: 24,
      width: Math.max(1, region.bytes * scale), fill: kColours[i] });
    const what = `${region.name}: ${bytes(region.bytes)} at ${region.offset}`;
    box.addEventListener("mousemove", (event) => tip(what, event));
    box.addEventListener("mouseleave", () => tip());
    whole.append(box, svg("rect", { x: 10 + i * 190, y: 42, width: 9, height: 9, fill: kColours[i] }),
                 svg("text", { x: 23 + i * 190, y: 51 }, `${region.name} ${bytes(region.bytes)}`));
  });
  main.append(whole);
  for (const entry of data.entries) {
    main.append(el("h3", {}, "Scratch over the launches of " + entry.name),
      el("p", { class: "note" }, `${entry.scratch.length} values, reaches ${bytes(entry.reach)}, ` +
         `at most ${bytes(entry.peak)} alive at a time; across: launches, up: bytes`));
    const height = 260, chart = svg("svg", { class: "arena life", viewBox: `0 0 1000 ${height + 26}`,
      role: "img", "aria-label": "Scratch memory over time" });
    const x = 930 / Math.max(entry.launches.length, 1), y = height / Math.max(entry.reach, 1);
    for (const life of entry.scratch) {
      const writer = entry.launches[life.first].kernel;
      const box = svg("rect", { class: "life", tabindex: "0", x: 60 + life.first * x,
        y: height + 4 - (life.offset + life.bytes) * y, width: (life.last - life.first + 1) * x,
        height: Math.max(.5, life.bytes * y), fill: colourOf(data.kernels[writer].name) });
      const what = `${life.what}, ${bytes(life.bytes)} at ${life.offset}, launches ${life.first} to ` +
        `${life.last}, by ${data.kernels[writer].name}`;
      box.append(svg("title", {}, what));
      box.addEventListener("mousemove", (event) => tip(what, event));
      box.addEventListener("mouseleave", () => tip());
      box.addEventListener("click", () => openKernel(writer));
      box.addEventListener("keydown", (event) => { if (event.key === "Enter") openKernel(writer); });
      chart.append(box);
    }
    for (let i = 0; i <= 4; ++i)
      chart.append(svg("text", { x: 4, y: height + 8 - i * (height - 8) / 4 },
                       bytes(Math.round(entry.reach * i / 4))),
                   svg("text", { x: 60 + i * 910 / 4, y: height + 22 },
                       String(Math.round(Math.max(entry.launches.length - 1, 0) * i / 4))));
    main.append(chart);
  }
  const panes = el("div", { class: "panes" });
  main.append(el("h3", {}, "Slots"), panes);
  const lines = linesOf(data.arena.text);
  showPanes(panes, [["arena", { title: "Arena", lines, nodes: [] }]]);
}
function drawText(main, key, title, text) {
  const panes = el("div", { class: "panes" });
  main.append(el("h2", {}, title), panes);
  const lines = linesOf(text);
  showPanes(panes, [[key, { title, lines, nodes: [] }]]);
}

// ---- putting it together -------------------------------------------------------------------------------

function draw() {
  drawViews();
  drawKernels();
  const main = $("main");
  tip();
  state.panes = [];
  main.replaceChildren();
  main.scrollTop = 0;
  if (state.view === "overview") drawOverview(main);
  else if (state.view === "kernel" && data.kernels.length) drawKernel(main);
  else if (state.view === "passes") drawPasses(main);
  else if (state.view === "arena") drawArena(main);
  else if (state.view === "commands") drawText(main, "commands", "Command stream", data.commands);
  else drawText(main, "graph", "Graph", data.graph);
}
function open(view) {
  state.view = view;
  const hash = view === "kernel" && data.kernels.length
    ? "#kernel=" + encodeURIComponent(data.kernels[state.kernel].name) : "#" + view;
  if (location.hash !== hash) history.replaceState(null, "", hash);
  draw();
}
function openKernel(index) {
  state.kernel = index;
  open("kernel");
  const item = document.querySelector('.kernel[aria-selected="true"]');
  if (item) item.scrollIntoView({ block: "nearest" });
}
function step(by) {
  const visible = visibleKernels();
  if (visible.length === 0) return;
  const at = state.view === "kernel" ? visible.indexOf(state.kernel) : -1;
  openKernel(visible[Math.max(0, Math.min(visible.length - 1, at + by))]);
}
function theme(name) {
  document.documentElement.dataset.theme = name;
  try { localStorage.setItem("rosso-theme", name); } catch { /* a private window */ }
}
const otherTheme = () =>
  theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");

$("subject").textContent = [data.source, data.target, data.board, data.at].filter(Boolean).join(" · ");
document.title = data.source + " · rosso-dump";
$("theme").addEventListener("click", otherTheme);
let waiting = 0;
$("search").addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    state.query = $("search").value.trim().toLowerCase();
    drawKernels();
    markHits();
  }, 60);
});
$("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") {
    if (document.querySelector("#main .line.hit")) nextHit(event.shiftKey);
    else step(1);
  } else if (event.key === "Escape") {
    $("search").value = "";
    $("search").dispatchEvent(new Event("input"));
    $("main").focus();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(input|select|textarea)$/i.test(event.target.tagName)) return;
  const inList = $("kernels").contains(event.target);
  if (event.key === "/") { event.preventDefault(); $("search").focus(); }
  else if (event.key === "j" || (inList && event.key === "ArrowDown")) { event.preventDefault(); step(1); }
  else if (event.key === "k" || (inList && event.key === "ArrowUp")) { event.preventDefault(); step(-1); }
  else if (event.key === "n" || event.key === "N") nextHit(event.key === "N");
  else if (event.key === "t") otherTheme();
  else if (/^[1-6]$/.test(event.key) && state.view === "kernel") toggleStage(kStages[event.key - 1]);
});
let saved = "";
try { saved = localStorage.getItem("rosso-theme") || ""; } catch { /* a private window */ }
theme(saved || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
function fromHash() {
  const [view, name] = decodeURIComponent(location.hash.slice(1)).split("=");
  const index = data.kernels.findIndex((kernel) => kernel.name === name);
  if (view === "kernel" && index >= 0) openKernel(index);
  else open(kViews.some(([key]) => key === view) && view !== "kernel" ? view : "overview");
}
addEventListener("hashchange", fromHash);
fromHash();
document.documentElement.dataset.ready = "true";
})();
