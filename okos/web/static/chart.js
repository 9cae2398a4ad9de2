// The charts of the overview: columns of figures from /history.json, drawn by uPlot in the page's own colours.
"use strict";
(() => {
  const charts = document.getElementById("charts");
  if (!charts) {
    return;
  }
  const EVERY_MS = 15000;
  const trimmed = (value) => (value < 10 ? String(Number(value.toFixed(1))) : value.toFixed(0));
  const duration = (ms) => {
    if (ms == null) return "–";
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 60000) return `${trimmed(ms / 1000)} s`;
    return `${trimmed(ms / 60000)} min`;
  };
  const count = (value) => {
    if (value == null) return "–";
    if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
    if (value >= 1e4) return `${(value / 1e3).toFixed(1)} k`;
    return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
  };
  const size = (bytes) => {
    if (!bytes) return bytes === 0 ? "0" : "–";
    if (bytes < 1024 ** 2) return `${trimmed(bytes / 1024)} kB`;
    return bytes < 1024 ** 3 ? `${trimmed(bytes / 1024 ** 2)} MB` : `${trimmed(bytes / 1024 ** 3)} GB`;
  };
  // Round numbers of bytes are powers of two.
  const binary = (plot) => {
    const { max } = plot.scales.y;
    const step = 2 ** Math.ceil(Math.log2(Math.max(max / 4, 1024)));
    return Array.from({ length: Math.floor(max / step) + 1 }, (_, at) => at * step);
  };
  const percent = (value) => (value == null ? "–" : `${trimmed(value)} %`);
  const CHARTS = {
    "chart-throughput": { series: ["turns", "failed"], colours: ["c1", "c4"], say: count, fill: true },
    "chart-backlog": { series: ["waiting", "running", "limited"], colours: ["c1", "c2", "c3"], say: count, fill: true },
    "chart-wait": { series: ["wait_p50", "wait_p95", "wait_p99"], colours: ["c2", "c1", "c3"], say: duration, log: true },
    "chart-run": { series: ["run_p50", "run_p95", "run_p99"], colours: ["c2", "c1", "c3"], say: duration, log: true },
    "chart-tokens": { series: ["read", "written"], colours: ["c1", "c2"], say: count, fill: true },
    "chart-memory": { series: ["memory"], colours: ["c1"], say: size, fill: true, splits: binary },
    "chart-cpu": { series: ["cpu"], colours: ["c1"], say: percent, fill: true },
  };
  // Durations are told apart by their magnitude: a second among minutes, a millisecond among seconds.
  const DECADES = [1, 10, 100, 1000, 10000, 60000, 600000, 3600000];
  const drawn = new Map();
  let span = "hour";
  let figures = null;

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const options = (id, width, height) => {
    const chart = CHARTS[id];
    const splits = chart.log ? (plot) => DECADES.filter((tick) => tick <= plot.scales.y.max) : chart.splits;
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    return {
      width,
      height,
      padding: [10, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: { y: chart.log ? { distr: 3, range: (_plot, _low, high) => [1, Math.max(high * 1.5, 1000)] } : { range: (_plot, _low, high) => [0, Math.max(high * 1.12, 1)] } },
      axes: [
        { ...axis, grid: { show: false }, size: 28, space: 64, values: [[86400, "{D}.{M}.", null, null, null, null, null, null, 1], [3600, "{HH}:{mm}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1]] },
        { ...axis, size: 54, space: 32, values: (_plot, ticks) => ticks.map(chart.say), ...(splits ? { splits, filter: (_plot, ticks) => ticks } : {}) },
      ],
      series: [
        {},
        ...chart.series.map((name, index) => ({
          label: name,
          stroke: colour(chart.colours[index]),
          width: 1.7,
          fill: chart.fill && index === 0 ? `${colour(chart.colours[index])}1f` : undefined,
          points: { show: (plot, series) => alone(plot.data[series]), size: 4 },
        })),
      ],
      hooks: { setCursor: [(plot) => say(id, plot.cursor.idx)] },
    };
  };

  // A single figure between two gaps is no line: show it as a point.
  const alone = (values) => values.filter((value) => value != null).length < 3;

  const say = (id, index) => {
    CHARTS[id].series.forEach((name, place) => {
      const values = figures[name];
      let at = index;
      if (at == null) {
        at = values.length - 1;
        while (at > 0 && values[at] == null) at -= 1;
      }
      const target = document.querySelector(`[data-latest="${id}-${place}"]`);
      target.textContent = CHARTS[id].say(values[at]);
    });
  };

  const draw = () => {
    for (const [id, chart] of Object.entries(CHARTS)) {
      const place = document.getElementById(id);
      const columns = [figures.at, ...chart.series.map((name) => figures[name].map((value) => (chart.log && value != null ? Math.max(value, 1) : value)))];
      drawn.get(id)?.destroy();
      drawn.set(id, new uPlot(options(id, place.clientWidth, place.clientHeight), columns, place));
      say(id, null);
      const last = chart.series.map((name) => `${name.replace("_", " ")} ${chart.say(figures[name].findLast((value) => value != null))}`);
      place.setAttribute("aria-label", `Now: ${last.join(", ")}`);
    }
  };

  const load = async () => {
    try {
      const answer = await fetch(`${charts.dataset.source}?span=${span}`, { headers: { accept: "application/json" } });
      if (answer.ok) {
        figures = await answer.json();
        draw();
        charts.dataset.drawn = span;
      }
    } catch {
      // The store or the web is away: the verdict says so, and the next time is soon.
    }
  };

  for (const tab of document.querySelectorAll("[data-span]")) {
    tab.addEventListener("click", () => {
      span = tab.dataset.span;
      for (const other of document.querySelectorAll("[data-span]")) {
        other.setAttribute("aria-pressed", String(other === tab));
      }
      load();
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => figures && draw());
  let resized = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(resized);
    resized = requestAnimationFrame(() => figures && draw());
  });
  load();
  setInterval(() => document.visibilityState === "visible" && !document.body.hasAttribute("data-still") && load(), EVERY_MS);
})();
