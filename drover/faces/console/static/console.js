// What pages gain from a script: live progress, a chart of it, keys, moments that go on counting.
// Every page works without.
"use strict";

const NARROW = "\u202f";
const plain = (value) => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, NARROW);

function lasting(ms) {
  if (ms < 10000) return (Math.max(0, ms) / 1000).toFixed(1) + " s";
  const parts = [];
  let left = ms;
  for (const [name, size] of [["d", 86400000], ["h", 3600000], ["min", 60000], ["s", 1000]]) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count || parts.length) parts.push([count, name]);
  }
  return parts.slice(0, 2).filter(([count]) => count).map(([count, name]) => count + " " + name).join(" ");
}

function ago(then, now) {
  const away = Math.abs(now - then);
  if (away < 5000) return "just now";
  const units = [["d", 86400000], ["h", 3600000], ["min", 60000], ["s", 1000]];
  const [name, size] = units.find((unit) => away >= unit[1]);
  const told = Math.floor(away / size) + " " + name;
  return then <= now ? told + " ago" : "in " + told;
}

function keepMoments() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const then = Date.parse(time.dateTime);
    if (Number.isNaN(then)) continue;
    time.textContent = ago(then, Date.now());
    time.title = new Date(then).toLocaleString();
  }
}

// Progress -----------------------------------------------------------------------------------------

function drawBar(counts, total) {
  const shares = ["succeeded", "failed", "timedOut", "inProgress"].map((name) => 100 * counts[name] / (total || 1));
  let x = 0;
  document.querySelectorAll("#bar rect:not(.ground)").forEach((rect, index) => {
    rect.setAttribute("x", x);
    rect.setAttribute("width", shares[index]);
    x += shares[index];
  });
}

function plotIn(place, rows, colours) {
  place.hidden = false;
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const plot = new window.uPlot({
    width: place.clientWidth, height: 130, legend: { show: false }, cursor: { show: false },
    scales: { x: { time: true }, y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [axis, { ...axis, size: 60 }],
    series: [{}, ...colours.map((name) => ({ stroke: colour(name), width: 1.5, points: { show: false } }))],
  }, rows, place);
  addEventListener("resize", () => plot.setSize({ width: place.clientWidth, height: 130 }));
  return plot;
}

function chartOf(place) {
  const rows = [[], []];
  let plot = null;
  return (seconds, rate) => {
    if (!window.uPlot || rate === undefined) return;
    rows[0].push(seconds);
    rows[1].push(rate);
    if (rows[0].length > 600) rows.forEach((row) => row.shift());
    if (rows[0].length < 3) return;
    if (plot) plot.setData(rows);
    else plot = plotIn(place, rows, ["--accent"]);
  };
}

function watch(card) {
  const draw = chartOf(document.getElementById("chart"));
  const source = new EventSource(card.dataset.progress);
  source.addEventListener("error", () => {
    // Refused, not just interrupted: the page as it is loaded tells why, or how things stand.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
  const first = card.querySelector("#bar rect.good") !== null;
  source.addEventListener("progress", (event) => {
    const told = JSON.parse(event.data);
    const counts = told.executionSummary;
    const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
    if (total > 0 && !first) { location.reload(); return; }
    for (const [name, count] of Object.entries(counts)) {
      const shown = card.querySelector(`[data-count="${name}"]`);
      shown.textContent = plain(count);
      if (shown.dataset.tone) shown.classList.toggle(shown.dataset.tone, count > 0);
    }
    document.getElementById("total").textContent = plain(total);
    drawBar(counts, total);
    if (told.ratePerSecond !== undefined) {
      const left = counts.remaining + counts.inProgress;
      document.getElementById("rate").textContent = told.ratePerSecond.toFixed(1);
      document.getElementById("left").textContent = told.ratePerSecond > 0 ? lasting(left * 1000 / told.ratePerSecond) : "–";
      draw(Date.now() / 1000, told.ratePerSecond);
    }
    document.title = (total ? Math.floor(100 * (total - counts.remaining - counts.inProgress) / total) + " % · " : "") + document.title.replace(/^\d+ % · /, "");
    if (["completed", "errored", "canceled"].includes(told.status)) {
      source.close();
      location.reload();
    }
  });
}

// Lists that load themselves again -----------------------------------------------------------------

function sparePolls(event) {
  const polled = event.target.closest && event.target.closest("[data-poll]");
  if (!polled || event.target !== polled) return;
  const replaced = [polled, ...(polled.dataset.poll ? document.querySelectorAll(polled.dataset.poll) : [])];
  const used = (part) => part.contains(document.activeElement) || part.querySelector("details[open]");
  if (document.hidden || replaced.some(used)) event.preventDefault();
}

// Logs that are read while they grow -----------------------------------------------------------------

const AT_END_PX = 24;
let place = null;

function keepPlace() {
  const log = document.querySelector("pre.log");
  place = log && { top: log.scrollTop, atEnd: log.scrollHeight - log.clientHeight - log.scrollTop < AT_END_PX };
}

function findPlace() {
  const log = document.querySelector("pre.log");
  if (!log) return;
  const follows = place ? place.atEnd : true;
  log.scrollTop = follows && log.dataset.newest !== undefined ? log.scrollHeight : place ? place.top : 0;
}

// Live messages ------------------------------------------------------------------------------------

const MOST_SHOWN = 100;
const LONGEST_SHOWN = 2000;

function cell(text, style) {
  const made = document.createElement("td");
  made.className = style;
  made.textContent = text.length > LONGEST_SHOWN ? text.slice(0, LONGEST_SHOWN) + "…" : text;
  return made;
}

function follow(card) {
  const part = (name) => card.querySelector(`[data-live-${name}]`);
  const told = (text) => { part("status").textContent = text; };
  let count = 0;
  let leftOut = 0;
  let missed = 0;
  let newest = null;
  let paused = false;
  let waiting = [];
  // Who reads too slowly is cut off and comes again; ids tell how many came in between.
  const note = (id) => {
    const at = id.lastIndexOf("-");
    const [token, number] = [id.slice(0, at), Number(id.slice(at + 1))];
    if (newest && newest.token === token) missed += Math.max(0, number - newest.number - 1);
    newest = { token, number };
  };
  // However many come, the page is changed a few times a second, and by the newest alone.
  setInterval(() => {
    part("count").textContent = plain(count);
    part("left-out").textContent = leftOut ? `${plain(leftOut)} too many to show` : "";
    part("missed").textContent = missed ? `${plain(missed)} missed` : "";
    if (paused || document.hidden || !waiting.length) return;
    const rows = waiting.reverse().map(([when, topic, message]) => {
      const row = document.createElement("tr");
      row.append(cell(when, ""), cell(topic, "name"), cell(message, "message"));
      return row;
    });
    waiting = [];
    part("messages").prepend(...rows);
    while (part("messages").rows.length > MOST_SHOWN) part("messages").lastElementChild.remove();
  }, 250);
  part("pause").addEventListener("click", (event) => {
    paused = !paused;
    event.target.textContent = paused ? "Go on" : "Pause";
  });
  const open = () => {
    const source = new EventSource(card.dataset.live);
    source.addEventListener("open", () => told("watching"));
    source.addEventListener("mqttMessage", (event) => {
      const { topic, message } = JSON.parse(event.data);
      note(event.lastEventId);
      count += 1;
      waiting.push([new Date().toLocaleTimeString(), topic, message]);
      if (waiting.length > MOST_SHOWN) {
        waiting.shift();
        leftOut += 1;
      }
    });
    source.addEventListener("error", () => {
      told("interrupted; it is tried again");
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 5000);
    });
  };
  open();
}

// Keys and small things ----------------------------------------------------------------------------

function onKey(event) {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    const field = document.querySelector('[data-shortcut="/"]');
    if (field) { event.preventDefault(); field.focus(); field.select(); }
  }
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll("details.ask[open], details.switcher[open]")) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  }
}

function onClick(event) {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const field = document.getElementById(copy.dataset.copy);
    field.select();
    navigator.clipboard.writeText(field.value).then(() => { copy.textContent = "Copied"; }, () => {});
  }
  for (const open of document.querySelectorAll("details.ask[open], details.switcher[open]")) {
    if (!open.contains(event.target)) open.open = false;
  }
}

document.addEventListener("keydown", onKey);
document.addEventListener("click", onClick);
document.addEventListener("htmx:beforeRequest", sparePolls);
document.addEventListener("htmx:afterSwap", keepMoments);
document.addEventListener("htmx:beforeSwap", keepPlace);
document.addEventListener("htmx:afterSwap", findPlace);
document.addEventListener("DOMContentLoaded", () => {
  const card = document.querySelector("[data-progress]");
  if (card && window.EventSource) watch(card);
  const live = document.querySelector("[data-live]");
  if (live && window.EventSource) follow(live);
  const course = document.querySelector("[data-course]");
  if (course && window.uPlot) plotIn(course, JSON.parse(course.dataset.course), ["--accent", "--bad"]);
  keepMoments();
  findPlace();
  setInterval(keepMoments, 10000);
});
