// The hierarchy: every interest inside the one that it was split from, as wide as its traffic. One click chooses all
// interests inside, a second one goes into it.

const ROW = 90; // pixels, at most
const ROW_UP = 24; // the row that leads back
const ROOT = "rgb(204 209 214)"; // all items are no interest
const DARK = "#16181d"; // on the colours of interests, which are all light enough for it

/** Of each node, as shares of all traffic, where it begins and how wide it is; and how deep it lies. */
function spansOf(content) {
  const n = content.born.length;
  const weight = content.node_traffic[0] > 0 ? content.node_traffic : content.hi.map((hi, node) => hi - content.lo[node]);
  const spans = { left: new Float64Array(n), wide: new Float64Array(n), depth: new Uint16Array(n) };
  spans.wide[0] = 1;
  for (let node = 1; node < n; node++) {
    const parent = content.parent[node]; // has a smaller number; split k makes the nodes 2k - 1, on the left, and 2k
    spans.wide[node] = weight[parent] > 0 ? (spans.wide[parent] * weight[node]) / weight[parent] : 0;
    spans.left[node] = spans.left[parent] + (node % 2 ? 0 : spans.wide[parent] - spans.wide[node]);
    spans.depth[node] = spans.depth[parent] + 1;
  }
  return spans;
}

class Hierarchy {
  constructor(map, canvas) {
    Object.assign(this, { map, canvas, pen: canvas.getContext("2d"), top: 0, focus: 0, drawn: [] });
  }

  load(content) {
    Object.assign(this, { content, top: 0, focus: 0, ...spansOf(content) });
  }

  /** Shows these interests and all that they were split from. */
  show(alive) {
    this.shown = new Set([0]);
    for (let node of alive) {
      for (; !this.shown.has(node); node = this.content.parent[node]) this.shown.add(node);
    }
    for (const place of ["top", "focus"]) {
      while (!this.shown.has(this[place])) this[place] = this.content.parent[this[place]];
    }
    this.alive = new Set(alive);
  }

  isInside(node, above) {
    while (node > above) node = this.content.parent[node];
    return node === above;
  }

  interestsIn(node) {
    return [...this.alive].filter((interest) => this.isInside(interest, node));
  }

  goInto(node) {
    if (!this.alive.has(node) && this.wide[node] > 0) Object.assign(this, { top: node, focus: node });
  }

  /** What is drawn: {node, x, y, w, h, text}, and `up` for the row that leads back. */
  boxes(width, height) {
    const { left, wide, depth, top } = this;
    const nodes = [...this.shown].filter((node) => this.isInside(node, top));
    const rows = nodes.reduce((most, node) => Math.max(most, depth[node] - depth[top] + 1), 1);
    const above = top ? ROW_UP : 0;
    const h = Math.min(ROW, (height - above) / rows);
    const scale = width / wide[top];
    const boxes = nodes.map((node) => {
      const [x, y] = [(left[node] - left[top]) * scale, above + (depth[node] - depth[top]) * h];
      return { node, x, y, w: wide[node] * scale, h, text: this.nameOf(node) };
    });
    if (top) boxes.push({ node: this.content.parent[top], x: 0, y: 0, w: width, h: ROW_UP, up: true, text: `↑ ${this.nameOf(this.content.parent[top])}` });
    return boxes.filter((box) => box.w >= 0.5).map((box) => this.lettered(box));
  }

  nameOf(node) {
    return node ? this.map.nameOf(node) : "All items";
  }

  /** With as much of its name as fits, `turned` by a right angle where that is more. */
  lettered(box) {
    const lettersIn = (long, wide) => (wide < 14 ? 0 : Math.floor((long - 8) / 7));
    const turned = lettersIn(box.h, box.w) > lettersIn(box.w, box.h) && box.w < 40;
    const letters = turned ? lettersIn(box.h, box.w) : lettersIn(box.w, box.h);
    return { ...box, turned, text: letters < 4 ? "" : shorten(box.text, letters) };
  }

  color(node) {
    if (!node) return ROOT;
    const at = 4 * (this.alive.has(node) ? this.map.colorNode(node) : node);
    const [red, green, blue] = this.content.color.slice(at, at + 3);
    return `rgb(${red} ${green} ${blue})`;
  }

  /** Whether something inside is chosen, or nothing is anywhere. */
  isBright(node) {
    const { bright } = this.map;
    if (!bright) return true;
    if (this.counted !== bright) {
      this.counted = bright;
      this.before = new Uint32Array(bright.length + 1);
      for (let i = 0; i < bright.length; i++) this.before[i + 1] = this.before[i] + bright[i];
    }
    return this.before[this.content.hi[node]] > this.before[this.content.lo[node]];
  }

  draw({ width, height, ratio }) {
    const { pen, map } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.textBaseline = "middle";
    pen.font = `13px ${map.font}`;
    this.drawn = this.boxes(width, height);
    for (const box of this.drawn) {
      const bright = this.isBright(box.node);
      pen.globalAlpha = box.up ? 0.5 : bright ? 1 : 0.2;
      pen.fillStyle = this.color(box.node);
      const gap = box.w > 3 ? 1 : 0;
      pen.fillRect(box.x, box.y, box.w - gap, box.h - 1);
      pen.globalAlpha = 1;
      pen.fillStyle = bright && !box.up ? DARK : map.ink;
      if (box.text) this.write(box);
    }
    const focus = this.drawn.find((box) => box.node === this.focus && !box.up);
    if (!focus || this.canvas.getRootNode().activeElement !== this.canvas) return;
    Object.assign(pen, { strokeStyle: map.ink, lineWidth: 2 });
    pen.strokeRect(focus.x + 1, focus.y + 1, Math.max(1, focus.w - 3), focus.h - 3);
  }

  write({ text, turned, x, y, w, h }) {
    const { pen } = this;
    pen.save();
    pen.translate(turned ? x + w / 2 : x + 4, turned ? y + h - 5 : y + h / 2);
    if (turned) pen.rotate(-Math.PI / 2);
    pen.fillText(text, 0, 0, (turned ? h : w) - 8);
    pen.restore();
  }

  boxAt(left, top) {
    return this.drawn.find(({ x, y, w, h }) => left >= x && left < x + w && top >= y && top < y + h);
  }

  /** The neighbour in the direction of an arrow key, or where it is. */
  next(key) {
    const { focus, depth, left } = this;
    if (key === "ArrowUp") return focus === this.top ? focus : this.content.parent[focus];
    const nodes = this.drawn.filter((box) => !box.up).map((box) => box.node);
    const same = nodes.filter((node) => depth[node] === depth[focus]).sort((a, b) => left[a] - left[b]);
    if (key === "ArrowDown") return nodes.find((node) => node && this.content.parent[node] === focus) ?? focus;
    return same[same.indexOf(focus) + (key === "ArrowRight" ? 1 : -1)] ?? focus;
  }

  // --- the mouse and the keys

  listen() {
    const { map, canvas } = this;
    map.on(canvas, "pointermove", (event) => this.hover(this.boxAt(event.offsetX, event.offsetY), event));
    map.on(canvas, "pointerleave", () => map.showTexts(null));
    map.on(canvas, "blur focus", () => map.draw());
    map.on(canvas, "click", (event) => this.click(event));
    map.on(canvas, "keydown", (event) => this.key(event));
  }

  hover(box, event) {
    this.map.showTexts(box && this.textsOf(box.node), event.offsetX, event.offsetY);
  }

  textsOf(node) {
    const inside = this.alive.has(node) ? "" : `${this.interestsIn(node).length.toLocaleString("en")} interests inside`;
    return [this.nameOf(node), inside, interactions(this.content.node_traffic[node])];
  }

  click(event) {
    const box = this.boxAt(event.offsetX, event.offsetY);
    if (!box) return;
    if (box.up || event.detail > 1) this.goInto(box.node);
    else {
      this.focus = box.node;
      this.choose(box.node, event.shiftKey || event.ctrlKey || event.metaKey);
    }
    this.map.draw();
  }

  /** Chooses what is inside a node, in addition to what is chosen or instead of it; a second time takes it back. */
  choose(node, adding) {
    const { highlight } = this.map;
    const nodes = this.interestsIn(node).flatMap((interest) => this.map.partsOf(interest));
    const same = highlight.length === new Set(nodes).size && nodes.every((one) => highlight.includes(one));
    this.map.choose(same ? [] : [...new Set(adding ? [...highlight, ...nodes] : nodes)]);
  }

  key(event) {
    const does = { "+": "in", "=": "in", "-": "out", 0: "all", Escape: "none", Enter: "choose", " ": "choose" }[event.key];
    if (!this.content || event.ctrlKey || event.metaKey || (!does && !event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    if (does === "choose") return this.choose(this.focus, event.shiftKey);
    if (does === "none") return this.map.choose([]);
    if (does) return this.act(does);
    this.focus = this.next(event.key);
    this.map.say(this.textsOf(this.focus).filter(Boolean).join(", "));
    this.map.draw();
  }

  act(what) {
    if (what === "in") this.goInto(this.focus);
    if (what === "out") this.goInto(this.content.parent[this.top]);
    if (what === "all") this.goInto(0);
    this.map.draw();
  }
}

