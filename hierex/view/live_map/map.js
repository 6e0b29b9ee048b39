// The map and its slider. A cut of the tree is a filter over its nodes, and items come in tree order, so every interest
// is a slice of them: recolouring is one fill per interest, done here while the slider moves. Python hears of it when
// the slider is let go. Titles and names may hold anything: they are only ever set as text.

const DIM = 34; // of 255: how much is left to see of items outside the selection
const NAME_LENGTH = 26;
const NAMES_AT_ONCE = 30; // on the whole map; zoomed in, more
const REACH = 10; // pixels from the mouse within which an item is found
const PADDING = 0.05;
const MOST_ZOOM = 300;
const LINEAR_UP_TO = 40; // finer trees have a slider on which equal steps multiply
const AFTER_KEYS = 350; // milliseconds without a key before Python hears of the number

// ------------------------------------------------------------- plain functions

export function aliveAt(content, n) {
  const alive = [];
  for (let node = 0; node < content.born.length; node++) {
    if (content.born[node] <= n && n < content.dies[node]) alive.push(node);
  }
  return alive;
}

/** Where on the slider, from 0 to 1, a number of interests lies. */
export function placeOf(n, finest) {
  if (finest <= 2) return 0;
  return finest <= LINEAR_UP_TO ? (n - 2) / (finest - 2) : Math.log(n / 2) / Math.log(finest / 2);
}

export function numberAt(place, finest) {
  const n = finest <= LINEAR_UP_TO ? 2 + place * (finest - 2) : 2 * (finest / 2) ** place;
  return Math.min(finest, Math.max(2, Math.round(n)));
}

/** Boxes {x, y, w, h} (centre and half sizes), best first, moved inside the picture and kept where none meets another.
 * `taken` holds boxes that are already there. Returns at most `most` of {index, x, y}. */
export function placeNames(boxes, width, height, most, taken = []) {
  const kept = [...taken];
  const placed = [];
  for (let index = 0; index < boxes.length && placed.length < most; index++) {
    const { w, h } = boxes[index];
    for (const shift of [0, 1.2, -1.2]) {
      const x = Math.min(Math.max(boxes[index].x, w + 2), Math.max(width - w - 2, w + 2));
      const y = Math.min(Math.max(boxes[index].y + shift * h, h + 2), Math.max(height - h - 2, h + 2));
      if (kept.some((other) => Math.abs(other.x - x) < other.w + w && Math.abs(other.y - y) < other.h + h)) continue;
      kept.push({ x, y, w, h });
      placed.push({ index, x, y });
      break;
    }
  }
  return placed;
}

/** By the even-odd rule, as `items_inside` in Python does it. */
export function isInside(polygon, x, y) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [x0, y0] = polygon[i];
    const [x1, y1] = polygon[j];
    if (y0 > y !== y1 > y && x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0) inside = !inside;
  }
  return inside;
}

function shorten(text, most) {
  const letters = Array.from(text);
  return letters.length <= most ? text : letters.slice(0, most - 1).join("").trimEnd() + "…";
}

function median(values) {
  return Float32Array.from(values).sort()[values.length >> 1];
}

/** The item nearest to the middle of a node's items: a name stands on what it names. At most 500 items are asked. */
function middleOf(content, node) {
  const xs = [];
  const ys = [];
  const step = Math.max(1, Math.ceil((content.hi[node] - content.lo[node]) / 500));
  for (let i = content.lo[node]; i < content.hi[node]; i += step) {
    xs.push(content.x[i]);
    ys.push(content.y[i]);
  }
  const [x, y] = [median(xs), median(ys)];
  let best = 0;
  const away = (i) => (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
  for (let i = 1; i < xs.length; i++) if (away(i) < away(best)) best = i;
  return [xs[best], ys[best]];
}

function pointSizes(content) {
  let most = 1;
  for (const value of content.traffic) most = Math.max(most, value);
  const crowded = Math.min(1.15, Math.max(0.6, Math.sqrt(20000 / content.x.length)));
  return content.traffic.map((value) => crowded * (3 + (4 * Math.log1p(value)) / Math.log1p(most)));
}

/** Numbers 0 .. n-1 in an order that looks random: drawn in tree order, late interests would cover early ones. */
function shuffled(n) {
  const divisor = (a, b) => (b ? divisor(b, a % b) : a);
  let step = Math.max(1, Math.floor(n * 0.6180339));
  while (divisor(step, n) > 1) step++;
  const order = new Uint32Array(n);
  for (let k = 0, at = 0; k < n; k++, at = (at + step) % n) order[k] = at;
  return order;
}

// ------------------------------------------------------------- two ways to paint points

const VERTEX = `#version 300 es
in vec2 place; in float size; in vec4 color;
uniform vec2 center, scale; uniform float grow;
out vec4 tint; out float soft;
void main() {
  // Dimmed points lie behind the others, so that one draw call does for both.
  gl_Position = vec4((place - center) * scale, color.a < 0.5 ? 0.5 : 0.0, 1.0);
  gl_PointSize = size * grow;
  tint = color; soft = 1.0 / gl_PointSize;
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 tint; in float soft; out vec4 paint;
void main() {
  float inside = smoothstep(0.5, 0.5 - soft, length(gl_PointCoord - 0.5));
  if (inside < 0.05) discard;
  paint = vec4(tint.rgb, 1.0) * tint.a * inside;
}`;

/** All points in one draw call. */
class GlPainter {
  static on(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false });
    return gl && new GlPainter(gl);
  }

  constructor(gl) {
    this.gl = gl;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    this.program = program;
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  load(content, sizes) {
    const { gl } = this;
    const places = new Float32Array(2 * content.x.length);
    for (let i = 0; i < content.x.length; i++) places.set([content.x[i], content.y[i]], 2 * i);
    this.attribute("place", places, 2, gl.FLOAT, false);
    this.attribute("size", sizes, 1, gl.FLOAT, false);
    this.colors = this.attribute("color", new Uint8Array(4 * content.x.length), 4, gl.UNSIGNED_BYTE, true);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, shuffled(content.x.length), gl.STATIC_DRAW);
    this.n = content.x.length;
  }

  attribute(name, values, parts, type, normalized) {
    const { gl } = this;
    const buffer = gl.createBuffer();
    const at = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, parts, type, normalized, 0, 0);
    return buffer;
  }

  recolor(colors) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.colors);
    this.gl.bufferSubData(this.gl.ARRAY_BUFFER, 0, colors);
  }

  draw({ x, y, scale, width, height, ratio, grow }) {
    const { gl, program } = this;
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniform2f(gl.getUniformLocation(program, "center"), x, y);
    gl.uniform2f(gl.getUniformLocation(program, "scale"), (2 * scale) / width, (2 * scale) / height);
    gl.uniform1f(gl.getUniformLocation(program, "grow"), grow * ratio);
    gl.drawElements(gl.POINTS, this.n, gl.UNSIGNED_INT, 0);
  }

  close() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext(); // a browser keeps only so many of them
  }
}

/** Without WebGL: pixel by pixel, without soft edges. */
class CanvasPainter {
  constructor(canvas) {
    this.pen = canvas.getContext("2d");
  }

  load(content, sizes) {
    Object.assign(this, { content, sizes, order: shuffled(content.x.length) });
  }

  recolor(colors) {
    this.colors = new Uint32Array(colors.buffer);
    this.bytes = colors;
  }

  draw({ x, y, scale, width, height, ratio, grow }) {
    const { canvas } = this.pen;
    const image = this.pen.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    const { content, sizes, bytes } = this;
    for (const bright of [false, true]) {
      for (const i of this.order) {
        if (bytes[4 * i + 3] > 127 !== bright) continue;
        const left = (width / 2 + (content.x[i] - x) * scale) * ratio;
        const top = (height / 2 - (content.y[i] - y) * scale) * ratio;
        this.disc(pixels, canvas, left, top, Math.max(1, (sizes[i] * grow * ratio) / 2), this.colors[i]);
      }
    }
    this.pen.putImageData(image, 0, 0);
  }

  disc(pixels, { width, height }, left, top, radius, color) {
    const last = Math.min(height - 1, Math.floor(top + radius));
    for (let row = Math.max(0, Math.ceil(top - radius)); row <= last; row++) {
      const half = Math.sqrt(radius * radius - (row - top) ** 2);
      const from = Math.max(0, Math.ceil(left - half));
      const to = Math.min(width - 1, Math.floor(left + half));
      if (from <= to) pixels.fill(color, row * width + from, row * width + to + 1);
    }
  }

  close() {}
}

// ------------------------------------------------------------- the map

class LiveMap {
  constructor(root) {
    this.root = root;
    this.shared = window.hierexMaps ??= { contents: new Map(), views: new Map(), events: new EventTarget() };
    const find = (selector) => root.querySelector(selector);
    Object.assign(this, { frame: find(".frame"), points: find(".points"), names: find(".names"), note: find(".note") });
    Object.assign(this, { range: find("#number"), exact: find("#exact"), hover: find(".hover") });
    Object.assign(this, { move: 0, n: 0, touched: false, highlight: [], picked: null, polygon: null, lasso: false });
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
    for (const button of this.root.querySelectorAll("[data-does]")) {
      this.on(button, "click", () => this.act(button.dataset.does));
    }
    this.on(this.shared.events, "content", this.take);
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.frame);
  }

  // --- what Python says, and what it hears

  /** Called on every run of the page. */
  update({ data, setStateValue }) {
    Object.assign(this, { wanted: data.map, setStateValue });
    const style = getComputedStyle(this.root);
    this.ink = style.getPropertyValue("--st-text-color") || "#16181d";
    this.paper = style.getPropertyValue("--st-background-color") || "#ffffff";
    this.font = style.fontFamily;
    this.highlight = data.highlight;
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
      this.view ??= this.shared.views.get(content.key) || { x: null, y: null, zoom: 1 };
      this.load();
    }
    this.setNumber(this.n);
    this.summarize();
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
    this.ticks();
    const [shown, all] = [content.x.length.toLocaleString("en"), content.n_items.toLocaleString("en")];
    const notes = shown === all ? [] : [`Showing ${shown} of ${all} items, the same share of every interest`];
    if (this.painter instanceof CanvasPainter) notes.push("Drawn without WebGL, which this browser does not offer");
    this.note.textContent = notes.join(" · ");
    this.root.querySelector(".slider").hidden = content.finest <= 2;
    this.recolor();
  }

  /** The number as it is being chosen; Python does not know it yet. */
  touch(n) {
    this.touched = true;
    this.setNumber(n);
  }

  setNumber(n) {
    this.n = Math.min(n, this.content.finest);
    this.range.value = placeOf(this.n, this.content.finest);
    this.range.setAttribute("aria-valuetext", `${this.n} interests`);
    if (Number(this.exact.value) !== this.n) this.exact.value = this.n;
    this.exact.max = this.content.finest;
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
    this.picked = picked;
    this.root.querySelector("[data-does=clear]").hidden = !picked;
    this.setStateValue("picked", picked);
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
    const largest = this.alive.slice(0, 5).map((node) => this.nameOf(node));
    this.root.querySelector("#summary").textContent =
      `The map shows ${this.content.n_items} items in ${this.n} interests. Those with most traffic: ${largest.join("; ")}.`;
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

  /** 1 for each item that is selected; null where nothing is. */
  brightItems() {
    const { content, picked } = this;
    if (!picked && !this.highlight.length) return null;
    if (picked?.polygon) return content.x.map((x, i) => (isInside(picked.polygon, x, content.y[i]) ? 1 : 0));
    const bright = new Uint8Array(content.x.length);
    const nodes = picked ? [this.nodeOf(content.item.indexOf(picked.item))] : this.highlight;
    for (const node of nodes) bright.fill(1, content.lo[node], content.hi[node]);
    return bright;
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
      for (const canvas of [this.points, this.names]) fit(canvas);
      this.painter.draw(this.shown());
      this.drawNames();
      this.drawLine();
      this.root.dispatchEvent(new Event("drawn"));
    });
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

  drawNames() {
    const { pen } = this;
    const view = this.shown();
    pen.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    pen.clearRect(0, 0, view.width, view.height);
    Object.assign(pen, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: 4 });
    Object.assign(pen, { strokeStyle: this.paper, fillStyle: this.ink });
    const boxes = this.boxes(view);
    const most = Math.min(150, Math.round(NAMES_AT_ONCE * Math.sqrt(this.view.zoom)));
    for (const { index, x, y } of placeNames(boxes, view.width, view.height, most, this.takenBoxes())) {
      const { size, text } = boxes[index];
      pen.font = `600 ${size}px ${this.font}`;
      pen.strokeText(text, x, y); // a rim in the page's colour: readable on points of any colour
      pen.fillText(text, x, y);
    }
  }

  /** Boxes of the names that could be written, most traffic first. */
  boxes(view) {
    const { content } = this;
    const isNamed = (node) => content.lo[node] < content.hi[node] && this.isBright(node);
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

  /** Where buttons and notes are, no name goes. */
  takenBoxes() {
    return [".tools", ".note"].map((selector) => {
      const box = this.root.querySelector(selector);
      const [w, h] = [box.offsetWidth / 2 + 2, box.offsetHeight / 2 + 2];
      return { x: box.offsetLeft + w, y: box.offsetTop + h, w, h };
    });
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
    const within = (value, low, high) => Math.min(high, Math.max(low, value));
    this.view = { x: within(x, left, right), y: within(y, bottom, top), zoom: within(zoom, 0.7, MOST_ZOOM) };
    this.shared.views.set(this.content.key, this.view);
    this.draw();
  }

  /** Zooms so that the place under (left, top) stays where it is. */
  zoomAt(factor, left = this.frame.clientWidth / 2, top = this.frame.clientHeight / 2) {
    const [x, y] = this.toMap(left, top);
    const view = this.shown();
    const zoom = Math.min(MOST_ZOOM, Math.max(0.7, this.view.zoom * factor));
    const by = zoom / this.view.zoom;
    this.moveTo(x + (view.x - x) / by, y + (view.y - y) / by, zoom);
  }

  showAll() {
    this.view = { x: null, y: null, zoom: 1 };
    this.shared.views.delete(this.content.key);
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
    if (what === "in") this.zoomAt(1.5);
    if (what === "out") this.zoomAt(1 / 1.5);
    if (what === "all") this.showAll();
    if (what === "clear") this.pick(null);
    if (what === "lasso") {
      this.lasso = !this.lasso;
      this.points.classList.toggle("lasso", this.lasso);
      this.root.querySelector("[data-does=lasso]").setAttribute("aria-pressed", this.lasso);
    }
  }

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
    const { hover, content } = this;
    hover.hidden = i < 0;
    this.points.classList.toggle("over", i >= 0 && !this.lasso);
    if (i < 0) return;
    const traffic = content.traffic[i];
    const texts = [
      content.titles[i],
      this.nameOf(this.nodeOf(i)),
      traffic === 1 ? "1 interaction" : `${traffic.toLocaleString("en")} interactions`,
    ];
    texts.forEach((text, row) => (hover.children[row].textContent = text));
    const right = left + 14 + hover.offsetWidth > this.frame.clientWidth;
    hover.style.left = `${Math.max(4, right ? left - 14 - hover.offsetWidth : left + 14)}px`;
    hover.style.top = `${Math.min(Math.max(4, top + 12), this.frame.clientHeight - hover.offsetHeight - 4)}px`;
  }
}

/** As many pixels as the screen has where the canvas is. */
function fit(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}

const maps = new WeakMap();

/** Streamlit calls this on every run of the page, and what it returns when the map leaves the page. */
export default function (component) {
  const root = component.parentElement.querySelector(".live-map");
  if (!maps.has(root)) maps.set(root, new LiveMap(root));
  const map = maps.get(root);
  map.update(component);
  return () => {
    map.close();
    maps.delete(root);
  };
}
