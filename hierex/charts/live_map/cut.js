// Plain functions: a cut of the tree, the slider's scale, and where names go.

const LINEAR_UP_TO = 40; // finer trees have a slider on which equal steps multiply

function aliveAt(content, n) {
  const alive = [];
  for (let node = 0; node < content.born.length; node++) {
    if (content.born[node] <= n && n < content.dies[node]) alive.push(node);
  }
  return alive;
}

/** Where on the slider, from 0 to 1, a number of interests lies. */
function placeOf(n, finest) {
  if (finest <= 2) return 0;
  return finest <= LINEAR_UP_TO ? (n - 2) / (finest - 2) : Math.log(n / 2) / Math.log(finest / 2);
}

function numberAt(place, finest) {
  const n = finest <= LINEAR_UP_TO ? 2 + place * (finest - 2) : 2 * (finest / 2) ** place;
  return Math.min(finest, Math.max(2, Math.round(n)));
}

/** Boxes {x, y, w, h} (centre and half sizes), best first, moved inside the picture and kept where none meets another.
 * `taken` holds boxes that are already there. Returns at most `most` of {index, x, y}. */
function placeNames(boxes, width, height, most, taken = []) {
  const kept = [...taken];
  const placed = [];
  for (let index = 0; index < boxes.length && placed.length < most; index++) {
    const { w, h } = boxes[index];
    for (const shift of [-1.8, 1.8, 0]) { // above what it names, so that one sees both
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
function isInside(polygon, x, y) {
  let inside = false;
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [x0, y0] = polygon[i];
    const [x1, y1] = polygon[j];
    if (y0 > y !== y1 > y && x < ((x1 - x0) * (y - y0)) / (y1 - y0) + x0) inside = !inside;
  }
  return inside;
}

function within(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

function shorten(text, most) {
  const letters = Array.from(text);
  return letters.length <= most ? text : letters.slice(0, most - 1).join("").trimEnd() + "…";
}

function median(values) {
  return Float32Array.from(values).sort()[values.length >> 1];
}

/** The item nearest to the middle of a node's items: a name stands beside what it names. At most 500 items are asked. */
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

