// Put into every page before JupyterLab starts: what the bench measures there, in one object.
// `window.benchNames` has the selectors of the panel, its list and its rows.
(() => {
  const names = window.benchNames;
  const nextFrame = window.requestAnimationFrame.bind(window);
  const traffic = { messages: 0, bytes: 0 };
  const snapshot = { hello: 0, arrived: 0, painted: 0, bytes: 0 };
  const SNAPSHOT_BYTES = 20_000; // at least
  let drawing = 0;
  let framing = false; // from a frame's first callback until it is painted

  // What a frame's callbacks cost, and the microtasks that they leave.
  window.requestAnimationFrame = (callback) =>
    nextFrame((time) => {
      if (!framing) setTimeout(() => (framing = false));
      framing = true;
      const began = performance.now();
      try {
        callback(time);
      } finally {
        queueMicrotask(() => (drawing += performance.now() - began));
      }
    });

  // What comes through the kernel's socket, and when a page says hello.
  window.WebSocket = class extends window.WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        const size = data.byteLength ?? data.length;
        traffic.messages++;
        traffic.bytes += size;
        if (snapshot.hello && !snapshot.arrived && size > SNAPSHOT_BYTES) {
          snapshot.arrived = performance.now();
          snapshot.bytes = size;
        }
      });
    }

    send(data) {
      const text =
        typeof data === "string" ? data : new TextDecoder().decode(data);
      if (text.includes('"hello"')) snapshot.hello ||= performance.now();
      super.send(data);
    }
  };

  /** Call back with the time when what is now in the document has been painted. */
  const whenPainted = (callback) =>
    framing ? setTimeout(callback) : nextFrame(() => setTimeout(callback));

  const firstRows = new MutationObserver((changes) => {
    const drawn = ({ target, addedNodes }) =>
      addedNodes.length && target.closest?.(names.list);
    if (!snapshot.arrived || !changes.some(drawn)) return;
    firstRows.disconnect();
    whenPainted(() => (snapshot.painted = performance.now()));
  });
  firstRows.observe(document, { subtree: true, childList: true });

  const at = (sorted, share) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

  window.bench = {
    snapshot,

    /** Frames of so many seconds; `scroll` moves the list by so many pixels in each. */
    async frames(seconds, scroll, pixels = 400) {
      const list = scroll && document.querySelector(names.list);
      const tasks = [];
      const observer = new PerformanceObserver((seen) =>
        tasks.push(...seen.getEntries()),
      );
      observer.observe({ type: "longtask" });
      const before = { ...traffic };
      const gaps = [];
      const draws = [];
      const began = performance.now();
      let last = await new Promise(nextFrame);
      drawing = 0;
      while (last - began < seconds * 1000) {
        const time = await new Promise(nextFrame);
        gaps.push(time - last);
        if (drawing) draws.push(drawing);
        drawing = 0;
        last = time;
        if (list) {
          const end = list.scrollHeight - list.clientHeight;
          list.scrollTop = list.scrollTop >= end ? 0 : list.scrollTop + pixels;
        }
      }
      await new Promise((resolve) => setTimeout(resolve)); // for what the observer still holds
      observer.disconnect();
      const took = (last - began) / 1000;
      gaps.sort((a, b) => a - b);
      draws.sort((a, b) => a - b);
      return {
        fps: gaps.length / took,
        p99: at(gaps, 0.99),
        longest: gaps.at(-1),
        longTasks: tasks.length,
        longTaskMs: tasks.reduce((sum, task) => sum + task.duration, 0),
        draws: draws.length,
        draw: at(draws, 0.5) ?? 0,
        drawP99: at(draws, 0.99) ?? 0,
        messages: (traffic.messages - before.messages) / took,
        bytes: (traffic.bytes - before.bytes) / took,
      };
    },

    /** Note which of the probe's stamps are painted, and when, until `unwatch`, which returns them. */
    watch() {
      const seen = [];
      let last = "";
      const look = () => {
        for (const one of document.querySelectorAll(names.row)) {
          const stamp = /probe.*?@([\d.]+)/.exec(one.textContent)?.[1];
          if (!stamp || stamp === last) continue;
          last = stamp;
          whenPainted(() => seen.push([Number(stamp), Date.now() / 1000]));
        }
      };
      const observer = new MutationObserver(look);
      const options = { subtree: true, childList: true, characterData: true };
      observer.observe(document.querySelector(names.root), options);
      look();
      this.unwatch = () => {
        observer.disconnect();
        return seen;
      };
    },

    /** How large the panel is. */
    size() {
      const panel = document.querySelector(names.root);
      const count = (selector) => panel.querySelectorAll(selector).length;
      return { rows: count(names.row), nodes: count("*") };
    },
  };
})();
