// The map and its slider. A cut of the tree is a filter over its nodes, and items come in tree order, so every interest
// is a slice of them: recolouring is one fill per interest, done here while the slider moves. Python hears of it when
// the slider is let go. Titles and names may hold anything: they are only ever set as text.

const DIM = 34; // of 255: how much is left to see of items outside the selection
const NAME_LENGTH = 26;
const NAMES_AT_ONCE = 30; // on the whole map; zoomed in, more
const REACH = 10; // pixels from the mouse within which an item is found
const PADDING = 0.05;
const LEAST_ZOOM = 0.7;
const MOST_ZOOM = 300;
const WHOLE = { x: null, y: null, zoom: 1 };
const AFTER_KEYS = 350; // milliseconds without a key before Python hears of the number

class LiveMap {
  constructor(root) {
    this.root = root;
    this.shared = window.hierexMaps ??= { contents: new Map(), views: new Map(), events: new EventTarget() };
    const find = (selector) => root.querySelector(selector);
    Object.assign(this, { frame: find(".frame"), points: find(".points"), names: find(".names"), note: find(".note") });
    this.tree = find(".tree");
    this.hierarchy = new Hierarchy(this, this.tree);
    Object.assign(this, { range: find("#number"), exact: find("#exact"), hover: find(".hover") });
    Object.assign(this, { move: 0, n: 0, touched: false, highlight: [], picked: null, polygon: null, lasso: false, hierarchical: false });
    this.pen = this.names.getContext("2d");
    this.paint();
    this.closing = new AbortController();
    this.listen();
  }

  paint() {
    this.painter = GlPainter.on(this.points) || new CanvasPainter(this.points);
  }

  close() {
    this.closing.abort();
    this.resizing.disconnect();
    this.painter.close();
  }

  on(target, names, does) {
    for (const name of names.split(" ")) {
      target.addEventListener(name, (event) => does.call(this, event), { signal: this.closing.signal, passive: false });
    }
  }

  listen() {
    this.on(this.range, "input", () => this.touch(numberAt(Number(this.range.value), this.content.finest)));
    this.on(this.range, "change", this.tell);
    this.on(this.range, "keydown", this.keyOnSlider);
    this.on(this.exact, "input", () => {
      const n = Number(this.exact.value);
      if (Number.isInteger(n) && n >= 2 && n <= this.content?.finest) this.touch(n);
    });
    // The browser says what is allowed; when the box is left, what is not allowed gives way to what is shown.
    this.on(this.exact, "keydown", (event) => event.key === "Enter" && !this.exact.reportValidity() && event.preventDefault());
    this.on(this.exact, "change", () => (this.setNumber(this.n), this.tell()));
    this.on(this.points, "pointerdown", this.press);
    this.on(this.points, "pointermove", this.drag);
    this.on(this.points, "pointerup pointercancel", this.letGo);
    this.on(this.points, "pointerleave blur", () => this.showHover(-1));
    this.on(this.points, "wheel", this.wheel);
    this.on(this.points, "dblclick", this.showAll);
    this.on(this.points, "keydown", this.keyOnMap);
    this.on(this.points, "webglcontextlost", (event) => event.preventDefault());
    this.on(this.points, "webglcontextrestored", () => (this.paint(), this.load()));
    this.hierarchy.listen();
    this.on(this.root.querySelector(".save"), "keydown", (event) => event.key === "Escape" && this.closeSave());
    for (const button of this.root.querySelectorAll("[data-does]")) {
      this.on(button, "click", () => this.act(button.dataset.does));
    }
    this.on(this.shared.events, "content", this.take);
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.frame);
  }

  // --- what Python says, and what it hears

  /** Called on every run of the page. */
  update({ data, setStateValue, setTriggerValue }) {
    Object.assign(this, { wanted: data.map, title: data.title, choice: data.choice, setStateValue, setTriggerValue });
    if (this.picked && this.picked.choice !== data.choice) this.picked = null; // something else was chosen since
    this.root.querySelector("[data-does=clear]").hidden = !this.picked;
    if (data.picked) this.picked = data.picked;
    this.linked = data.linked;
    const style = getComputedStyle(this.root);
    this.ink = style.getPropertyValue("--st-text-color") || "#16181d";
    this.paper = style.getPropertyValue("--st-background-color") || "#ffffff";
    this.root.style.colorScheme = parseInt(this.paper.slice(1, 3), 16) < 128 ? "dark" : "light"; // of the slider
    this.font = style.fontFamily;
    this.highlight = data.highlight;
    if (data.hierarchical) this.turnTo("hierarchy");
    this.changed = data.changed;
    // An answer to an earlier move must not pull the slider back under the hand that moves it.
    if (!this.touched && data.move >= this.move) Object.assign(this, { n: data.n, told: data.n, move: data.move });
    this.take();
  }

  /** Draws with the content that is wanted, once it is here. */
  take() {
    const content = this.shared.contents.get(this.wanted);
    if (!content) return;
    if (content !== this.content) {
      this.content = content;
      this.view ??= this.shared.views.get(content.key) || this.linkedView() || { ...WHOLE };
      this.load();
    }
    this.setNumber(this.n);
    this.summarize();
    this.link(); // Python has just written its part of the address
  }

  /** The place on the map that the page's address says, where it was opened with one. */
  linkedView() {
    if (!this.linked || this.shared.opened) return null;
    this.shared.opened = true;
    const said = new URLSearchParams(location.search).get("view");
    if (!said) return null;
    const [x, y, zoom, more] = said.split(",").map((part) => (part.trim() ? Number(part) : NaN));
    if ([x, y, zoom].every(Number.isFinite) && zoom > 0 && more === undefined) return { x, y, zoom: within(zoom, LEAST_ZOOM, MOST_ZOOM) };
    this.misread = "The place on the map that the link gives cannot be read, so all of it is shown";
    return null;
  }

  /** Keeps the view in the page's address, from which a link opens it again; the rest of the address is Python's. */
  link() {
    if (!this.linked) return;
    clearTimeout(this.linking);
    this.linking = setTimeout(() => {
      const address = new URL(location.href);
      const { x, y, zoom } = this.view;
      if (x === null) address.searchParams.delete("view");
      else address.searchParams.set("view", [x, y, zoom].map((number) => Number(number.toPrecision(5))).join(","));
      if (address.href !== location.href) history.replaceState(history.state, "", address);
    }, 300);
  }

  load() {
    const { content } = this;
    this.sizes = pointSizes(content);
    this.colors = new Uint8Array(4 * content.x.length);
    this.nodeColors = new Uint32Array(content.color.buffer, content.color.byteOffset, content.color.length / 4);
    this.middles = new Map();
    this.widths = new Map();
    this.bounds = [content.x, content.y].map((values) => [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)]);
    this.painter.load(content, this.sizes);
    this.hierarchy.load(content);
    this.ticks();
    const notes = [this.sampleNote()].filter(Boolean);
    if (this.misread) notes.push(this.misread);
    if (this.painter instanceof CanvasPainter) notes.push("Drawn without WebGL, which this browser does not offer");
    this.note.textContent = notes.join(" · ");
    this.root.querySelector(".slider").hidden = content.finest <= 2;
    this.recolor();
  }

  sampleNote() {
    const [shown, all] = [this.content.x.length, this.content.n_items].map((n) => n.toLocaleString("en"));
    return shown === all ? "" : `Showing ${shown} of ${all} items, the same share of every interest`;
  }

  /** The number as it is being chosen; Python does not know it yet. */
  touch(n) {
    this.touched = true;
    this.setNumber(n);
  }

  setNumber(n) {
    this.n = Math.min(n, this.content.finest);
    this.range.value = placeOf(this.n, this.content.finest);
    this.range.style.setProperty("--place", this.range.value);
    this.range.setAttribute("aria-valuetext", `${this.n} interests`);
    if (Number(this.exact.value) !== this.n) this.exact.value = this.n;
    this.exact.max = this.content.finest;
    this.exact.title = `From 2 to ${this.content.finest.toLocaleString("en")}`;
    this.recolor();
  }

  tell() {
    clearTimeout(this.timer);
    this.touched = false;
    if (this.n === this.told) return;
    Object.assign(this, { told: this.n, move: this.move + 1 });
    this.setStateValue("interests", { n: this.n, move: this.move });
    this.summarize();
  }

  pick(picked) {
    if (!picked && !this.picked) return;
    this.picked = picked && { ...picked, choice: this.choice };
    this.root.querySelector("[data-does=clear]").hidden = !picked;
    this.setStateValue("picked", this.picked);
    this.recolor();
  }

  /** Interests by their nodes: Python selects them in the table, and answers with what to keep bright. */
  choose(nodes) {
    this.picked = null;
    this.root.querySelector("[data-does=clear]").hidden = true;
    this.highlight = nodes;
    this.setTriggerValue("chosen", nodes);
    this.recolor();
  }

  keyOnSlider(event) {
    const leap = Math.max(1, Math.round(this.n / 10));
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: leap, PageDown: -leap };
    const n = { Home: 2, End: this.content.finest }[event.key] ?? this.n + steps[event.key];
    if (!Number.isInteger(n)) return;
    event.preventDefault();
    this.touch(Math.min(this.content.finest, Math.max(2, n)));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.tell(), AFTER_KEYS); // a key held down is one move
  }

  ticks() {
    const { finest } = this.content;
    const round = [2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
    const shown = round.filter((n) => n < finest && placeOf(n, finest) < 0.93);
    this.root.querySelector(".ticks").replaceChildren(
      ...[...shown, finest].map((n) => {
        const tick = document.createElement("span");
        tick.textContent = n.toLocaleString("en");
        tick.style.left = `${100 * placeOf(n, finest)}%`;
        return tick;
      }),
    );
  }

  /** What the map shows, in words. */
  summarize() {
    const largest = this.alive.filter((node) => this.isMain(node)).slice(0, 5).map((node) => this.nameOf(node));
    this.say(`The map shows ${this.content.n_items} items in ${this.n} interests. Those with most traffic: ${largest.join("; ")}.`);
  }

  /** For people who cannot see the map. */
  say(text) {
    this.root.querySelector("#summary").textContent = text;
  }

  // --- colours

  recolor() {
    const { content } = this;
    this.look();
    this.alive.sort((a, b) => content.node_traffic[b] - content.node_traffic[a]);
    const whole = new Uint32Array(this.colors.buffer);
    for (const node of this.alive) whole.fill(this.nodeColors[this.colorNode(node)], content.lo[node], content.hi[node]);
    this.bright = this.brightItems();
    if (this.bright) {
      for (let i = 0; i < whole.length; i++) if (!this.bright[i]) this.colors[4 * i + 3] = DIM;
    }
    this.painter.recolor(this.colors);
    this.hierarchy.show(this.alive);
    this.draw();
  }

  /** Which nodes are interests. What people changed is known for the number that Python has drawn the page for; while
   * the slider moves, the plain cut shows. */
  look() {
    const changed = this.changed?.n === this.n ? this.changed : null;
    this.alive = changed ? [...changed.nodes] : aliveAt(this.content, this.n);
    this.places = new Map(changed?.nodes.map((node, place) => [node, place]));
    this.shownNames = changed?.names;
    this.shownColors = changed?.colors;
  }

  nameOf(node) {
    return this.shownNames?.[this.places.get(node)] ?? this.content.names[node];
  }

  colorNode(node) {
    return this.shownColors?.[this.places.get(node)] ?? node;
  }

  /** Of an interest that people merged, one part carries its name and gives its colour. */
  isMain(node) {
    return this.colorNode(node) === node;
  }

  /** 1 for each item that is selected; null where nothing is. */
  brightItems() {
    const { content, picked } = this;
    if (!picked && !this.highlight.length) return null;
    if (picked?.polygon) return content.x.map((x, i) => (isInside(picked.polygon, x, content.y[i]) ? 1 : 0));
    const bright = new Uint8Array(content.x.length);
    const nodes = picked ? this.partsOf(this.nodeOf(content.item.indexOf(picked.item))) : this.highlight;
    for (const node of nodes) bright.fill(1, content.lo[node], content.hi[node]);
    return bright;
  }

  partsOf(node) {
    return this.alive.filter((other) => this.colorNode(other) === this.colorNode(node));
  }

  nodeOf(i) {
    return this.alive.find((node) => this.content.lo[node] <= i && i < this.content.hi[node]);
  }

  // --- drawing

  draw() {
    if (!this.content || this.frameAsked) return;
    this.frameAsked = requestAnimationFrame(() => {
      this.frameAsked = null;
      if (!this.frame.clientWidth) return;
      this.render(window.devicePixelRatio || 1);
      this.root.dispatchEvent(new Event("drawn"));
    });
  }

  /** Draws what is shown, at once; ratio: pixels of the picture for one of the screen. */
  render(ratio) {
    for (const canvas of this.layers()) fit(canvas, ratio);
    const view = { ...this.shown(), ratio };
    if (this.hierarchical) return this.hierarchy.draw(view);
    this.painter.draw(view);
    this.drawNames(view);
    this.drawLine();
  }

  /** The canvases that make up what is shown, the lowest first. */
  layers() {
    return this.hierarchical ? [this.tree] : [this.points, this.names];
  }

  /** The view in numbers: centre in units of the map, pixels per unit, size in pixels. */
  shown() {
    const [width, height] = [this.frame.clientWidth, this.frame.clientHeight];
    const [[left, right], [bottom, top]] = this.bounds;
    const room = 1 + 2 * PADDING;
    const whole = Math.min(width / Math.max((right - left) * room, 1e-6), height / Math.max((top - bottom) * room, 1e-6));
    const { zoom } = this.view;
    return {
      x: this.view.x ?? (left + right) / 2,
      y: this.view.y ?? (bottom + top) / 2,
      scale: whole * zoom,
      width,
      height,
      ratio: window.devicePixelRatio || 1,
      grow: Math.min(2.5, Math.max(0.8, zoom ** 0.35)),
    };
  }

  toScreen(x, y, view = this.shown()) {
    return [view.width / 2 + (x - view.x) * view.scale, view.height / 2 - (y - view.y) * view.scale];
  }

  toMap(left, top, view = this.shown()) {
    return [view.x + (left - view.width / 2) / view.scale, view.y - (top - view.height / 2) / view.scale];
  }

  drawNames(view) {
    const { pen } = this;
    pen.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    pen.clearRect(0, 0, view.width, view.height);
    Object.assign(pen, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: 4 });
    Object.assign(pen, { strokeStyle: this.paper, fillStyle: this.ink });
    for (const { x, y, size, text } of this.placedNames(view)) {
      pen.font = `600 ${size}px ${this.font}`;
      pen.strokeText(text, x, y); // a rim in the page's colour: readable on points of any colour
      pen.fillText(text, x, y);
    }
  }

  /** The names that are written, without overlap: {x, y, size, text}. */
  placedNames(view) {
    const boxes = this.boxes(view);
    const most = Math.min(150, Math.round(NAMES_AT_ONCE * Math.sqrt(this.view.zoom)));
    return placeNames(boxes, view.width, view.height, most, this.takenBoxes()).map(({ index, x, y }) => ({ ...boxes[index], x, y }));
  }

  /** Boxes of the names that could be written, most traffic first. */
  boxes(view) {
    const { content } = this;
    const isNamed = (node) => this.isMain(node) && content.lo[node] < content.hi[node] && this.isBright(node);
    const busiest = Math.max(1, content.node_traffic[this.alive[0]]);
    const boxes = [];
    for (const node of this.alive) {
      if (boxes.length === 600) break;
      if (!isNamed(node)) continue;
      const [x, y] = this.toScreen(...this.middle(node), view);
      if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
      const size = Math.round(12 + 3 * Math.sqrt(content.node_traffic[node] / busiest));
      const text = shorten(this.nameOf(node), NAME_LENGTH);
      boxes.push({ x, y, w: (this.widthOf(text) * size) / 2 + 5, h: size * 0.72, size, text });
    }
    return boxes;
  }

  isBright(node) {
    if (!this.bright) return true;
    const middle = (this.content.lo[node] + this.content.hi[node]) >> 1;
    return this.picked?.polygon ? isInside(this.picked.polygon, ...this.middle(node)) : this.bright[middle];
  }

  middle(node) {
    if (!this.middles.has(node)) this.middles.set(node, middleOf(this.content, node));
    return this.middles.get(node);
  }

  /** How wide a text is, in heights of its letters. */
  widthOf(text) {
    if (!this.widths.has(text)) {
      this.pen.font = `600 20px ${this.font}`;
      this.widths.set(text, this.pen.measureText(text).width / 20);
    }
    return this.widths.get(text);
  }

  /** Where the note is, no name goes. */
  takenBoxes() {
    const [w, h] = [this.note.offsetWidth / 2 + 2, this.note.offsetHeight / 2 + 2];
    return [{ x: this.note.offsetLeft + w, y: this.note.offsetTop + h, w, h }];
  }

  /** The line around items, while it is drawn and as long as it holds. */
  drawLine() {
    const polygon = this.polygon || this.picked?.polygon;
    if (!polygon?.length) return;
    const { pen } = this;
    pen.beginPath();
    for (const corner of polygon) pen.lineTo(...this.toScreen(...corner));
    pen.closePath();
    Object.assign(pen, { strokeStyle: this.ink, lineWidth: 1.5 });
    pen.setLineDash([5, 4]);
    pen.stroke();
    pen.setLineDash([]);
  }

  // --- moving about

  moveTo(x, y, zoom = this.view.zoom) {
    const [[left, right], [bottom, top]] = this.bounds;
    this.view = { x: within(x, left, right), y: within(y, bottom, top), zoom: within(zoom, LEAST_ZOOM, MOST_ZOOM) };
    this.shared.views.set(this.content.key, this.view);
    this.link();
    this.draw();
  }

  /** Zooms so that the place under (left, top) stays where it is. */
  zoomAt(factor, left = this.frame.clientWidth / 2, top = this.frame.clientHeight / 2) {
    const [x, y] = this.toMap(left, top);
    const view = this.shown();
    const zoom = within(this.view.zoom * factor, LEAST_ZOOM, MOST_ZOOM);
    const by = zoom / this.view.zoom;
    this.moveTo(x + (view.x - x) / by, y + (view.y - y) / by, zoom);
  }

  showAll() {
    this.view = { ...WHOLE };
    this.shared.views.delete(this.content.key);
    this.link();
    this.draw();
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoomAt(Math.exp(-event.deltaY * lines * 0.0015), event.offsetX, event.offsetY);
  }

  keyOnMap(event) {
    const view = this.shown();
    const step = 60 / view.scale;
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const way = ways[event.key];
    const does = { "+": "in", "=": "in", "-": "out", 0: "all", Escape: "clear" }[event.key];
    if (event.ctrlKey || event.metaKey || (!way && !does)) return;
    event.preventDefault();
    if (way) this.moveTo(view.x + way[0], view.y + way[1]);
    else this.act(does);
  }

  act(what) {
    if (["map", "hierarchy"].includes(what)) return this.turnTo(what);
    if (["png", "svg", "html"].includes(what)) return this.save(what);
    if (what === "clear") return this.pick(null);
    if (what === "lasso") return this.takeLasso(!this.lasso);
    if (this.hierarchical) return this.hierarchy.act(what);
    if (what === "in") this.zoomAt(1.5);
    if (what === "out") this.zoomAt(1 / 1.5);
    if (what === "all") this.showAll();
  }

  /** Shows the map or the hierarchy; the other keeps its place. */
  turnTo(what) {
    this.hierarchical = what === "hierarchy";
    this.frame.classList.toggle("hierarchy", this.hierarchical);
    for (const name of ["map", "hierarchy"]) this.button(name).setAttribute("aria-pressed", name === what);
    this.button("lasso").hidden = this.hierarchical;
    this.showHover(-1);
    this.draw();
  }

  takeLasso(taken) {
    this.lasso = taken;
    this.points.classList.toggle("lasso", taken);
    this.button("lasso").setAttribute("aria-pressed", taken);
  }

  button(name) {
    return this.root.querySelector(`[data-does=${name}]`);
  }

  async save(kind) {
    this.closeSave();
    if (this.content) download(await fileOf(this, kind), fileName(this, kind));
  }

  closeSave() {
    const save = this.root.querySelector(".save");
    save.open = false;
    save.querySelector("summary").focus();
  }

  // --- the mouse on the map

  press(event) {
    if (event.button !== 0 || !this.content) return;
    this.points.setPointerCapture(event.pointerId);
    const view = this.shown();
    this.pressed = { left: event.offsetX, top: event.offsetY, x: view.x, y: view.y, moved: false };
    if (this.lasso || event.shiftKey) this.polygon = [this.toMap(event.offsetX, event.offsetY)];
    this.showHover(-1);
  }

  drag(event) {
    const { pressed } = this;
    if (!pressed) return this.showHover(this.itemAt(event.offsetX, event.offsetY), event.offsetX, event.offsetY);
    const [dx, dy] = [event.offsetX - pressed.left, event.offsetY - pressed.top];
    pressed.moved ||= Math.hypot(dx, dy) > 4;
    if (!pressed.moved) return;
    if (this.polygon) {
      const [left, top] = this.toScreen(...this.polygon.at(-1));
      if (Math.hypot(event.offsetX - left, event.offsetY - top) < 3) return; // fewer corners
      this.polygon.push(this.toMap(event.offsetX, event.offsetY));
      this.draw();
    } else {
      this.points.classList.add("grabbed");
      const { scale } = this.shown();
      this.moveTo(pressed.x - dx / scale, pressed.y + dy / scale);
    }
  }

  letGo(event) {
    const { pressed, polygon } = this;
    if (!pressed) return;
    Object.assign(this, { pressed: null, polygon: null });
    this.points.classList.remove("grabbed");
    if (event.type === "pointercancel") return this.draw();
    if (polygon && pressed.moved) return this.pick(polygon.length > 2 ? { polygon } : null);
    if (pressed.moved) return;
    const found = this.itemAt(event.offsetX, event.offsetY);
    this.pick(found < 0 ? null : { item: this.content.item[found] });
  }

  /** Which of the items drawn is nearest to the mouse, or -1. To look at all of them takes less than a millisecond. */
  itemAt(left, top) {
    if (!this.content) return -1;
    const { content } = this;
    const [x, y] = this.toMap(left, top);
    let [found, nearest] = [-1, (REACH / this.shown().scale) ** 2];
    for (let i = 0; i < content.x.length; i++) {
      const away = (content.x[i] - x) ** 2 + (content.y[i] - y) ** 2;
      if (away < nearest) [found, nearest] = [i, away];
    }
    return found;
  }

  showHover(i, left, top) {
    this.points.classList.toggle("over", i >= 0 && !this.lasso);
    const { content } = this;
    this.showTexts(i < 0 ? null : [content.titles[i], this.nameOf(this.nodeOf(i)), interactions(content.traffic[i])], left, top);
  }

  /** Three lines beside the mouse; none hides them. */
  showTexts(texts, left, top) {
    const { hover } = this;
    hover.hidden = !texts;
    if (!texts) return;
    texts.forEach((text, row) => (hover.children[row].textContent = text));
    const right = left + 14 + hover.offsetWidth > this.frame.clientWidth;
    hover.style.left = `${Math.max(4, right ? left - 14 - hover.offsetWidth : left + 14)}px`;
    hover.style.top = `${Math.min(Math.max(4, top + 12), this.frame.clientHeight - hover.offsetHeight - 4)}px`;
  }
}

function interactions(traffic) {
  return traffic === 1 ? "1 interaction" : `${traffic.toLocaleString("en")} interactions`;
}

/** So many pixels for one of the screen where the canvas is. */
function fit(canvas, ratio) {
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}

const maps = new WeakMap();

/** Streamlit calls this on every run of the page, and what it returns when the map leaves the page. */
export default function show(component) {
  const root = component.parentElement.querySelector(".live-map");
  if (!maps.has(root)) maps.set(root, new LiveMap(root));
  const map = maps.get(root);
  map.update(component);
  return () => {
    map.close();
    maps.delete(root);
  };
}
