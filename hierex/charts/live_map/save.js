// The present view as a file: a picture (PNG), a drawing (SVG), or a page that works by itself (HTML).

const SVG = "http://www.w3.org/2000/svg";
const DRAWN_POINTS = 20000; // with more of them in view, an SVG holds the points as one picture
const CAPTION = 30; // pixels
const FINE = 2; // pixels of a picture for one of the screen

/** The file for `kind`, as a Blob. */
function fileOf(map, kind) {
  return { png: pngOf, svg: svgOf, html: pageOf }[kind](map);
}

function fileName(map, kind) {
  const title = (map.title || "map").replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "");
  return `${title || "map"}-${map.n}-interests.${kind}`;
}

/** What a saved file says of what it shows. */
function captionOf(map) {
  const count = (n, what) => `${n.toLocaleString("en")} ${what}`;
  return [map.title, count(map.n, "interests"), count(map.content.n_items, "items"), map.sampleNote()].filter(Boolean).join(" · ");
}

function download(blob, name) {
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function pngOf(map) {
  const { clientWidth: width, clientHeight: height } = map.frame;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: width * FINE, height: (height + CAPTION) * FINE });
  const pen = canvas.getContext("2d");
  pen.fillStyle = map.paper;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  map.render(FINE); // what WebGL drew is only there until the browser draws the next frame
  for (const layer of map.layers()) pen.drawImage(layer, 0, 0, width * FINE, height * FINE);
  map.draw();
  Object.assign(pen, { fillStyle: map.ink, font: `${13 * FINE}px ${map.font}`, textBaseline: "middle" });
  pen.fillText(captionOf(map), 8 * FINE, (height + CAPTION / 2) * FINE, (width - 16) * FINE);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function svgOf(map) {
  const { clientWidth: width, clientHeight: height } = map.frame;
  const all = { viewBox: `0 0 ${width} ${height + CAPTION}`, width, height: height + CAPTION, "font-family": map.font };
  const svg = element("svg", all, [
    element("title", {}, [captionOf(map)]),
    element("rect", { width, height: height + CAPTION, fill: map.paper }),
    element("svg", { width, height }, map.hierarchical ? rectangles(map) : [...pointsOf(map), ...lineOf(map), ...namesOf(map)]),
    element("text", { x: 8, y: height + CAPTION / 2 + 4, "font-size": 13, fill: map.ink }, [captionOf(map)]),
  ]);
  return new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
}

/** Texts become text nodes, so that a title can hold anything. */
function element(name, attributes, children = []) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function pointsOf(map) {
  const { content, sizes, colors } = map;
  const view = map.shown();
  const circles = [];
  for (const bright of [false, true]) {
    for (const i of shuffled(content.x.length)) {
      const [x, y] = map.toScreen(content.x[i], content.y[i], view);
      if (colors[4 * i + 3] > 127 !== bright || x < 0 || y < 0 || x > view.width || y > view.height) continue;
      if (circles.length === DRAWN_POINTS) return [pictureOfPoints(map, view)];
      const [red, green, blue, seen] = colors.slice(4 * i, 4 * i + 4);
      const place = { cx: x.toFixed(1), cy: y.toFixed(1), r: ((sizes[i] * view.grow) / 2).toFixed(1) };
      const paint = { fill: `rgb(${red},${green},${blue})`, ...(seen < 255 && { "fill-opacity": (seen / 255).toFixed(2) }) };
      circles.push(element("circle", { ...place, ...paint }));
    }
  }
  return circles;
}

function pictureOfPoints(map, { width, height }) {
  map.render(FINE);
  const href = map.points.toDataURL("image/png");
  map.draw();
  return element("image", { href, width, height });
}

function lineOf(map) {
  const points = map.picked?.polygon?.map(([x, y]) => map.toScreen(x, y).map((place) => place.toFixed(1)).join(",")).join(" ");
  return points ? [element("polygon", { points, fill: "none", stroke: map.ink, "stroke-width": 1.5, "stroke-dasharray": "5 4" })] : [];
}

function namesOf(map) {
  const look = { "font-weight": 600, "text-anchor": "middle", "dominant-baseline": "central", "stroke-linejoin": "round" };
  const paint = { fill: map.ink, stroke: map.paper, "stroke-width": 4, "paint-order": "stroke" };
  return map.placedNames(map.shown()).map(({ x, y, w, size, text }) => {
    const width = { textLength: 2 * (w - 5), lengthAdjust: "spacingAndGlyphs" }; // also where the font is another one
    return element("text", { x, y, "font-size": size, ...width, ...look, ...paint }, [text]);
  });
}

function rectangles(map) {
  const { hierarchy } = map;
  const boxes = hierarchy.boxes(map.frame.clientWidth, map.frame.clientHeight);
  return boxes.flatMap(({ node, x, y, w, h, up, turned, text }) => {
    const bright = hierarchy.isBright(node);
    const box = { x, y, width: Math.max(0.5, w - (w > 3)), height: h - 1, fill: hierarchy.color(node) };
    const place = turned ? `translate(${x + w / 2 + 4} ${y + h - 5}) rotate(-90)` : `translate(${x + 4} ${y + h / 2 + 4})`;
    const label = { transform: place, "font-size": 13, fill: bright && !up ? DARK : map.ink };
    const drawn = element("rect", { ...box, "fill-opacity": up ? 0.5 : bright ? 1 : 0.2 });
    return text ? [drawn, element("text", label, [text])] : [drawn];
  });
}

/** The page that the content brings along, filled with the content and with what the map shows. As base64 nothing in it
 * can be taken for markup. */
async function pageOf(map) {
  const { content } = map;
  const state = new TextEncoder().encode(JSON.stringify(stateOf(map)));
  const parts = { CONTENT: await packed(content.bytes), STATE: await packed(state) };
  return new Blob([content.page.replace(/\{\{(CONTENT|STATE)\}\}/g, (_, name) => parts[name])], { type: "text/html" });
}

/** What a saved page starts from. */
function stateOf(map) {
  const { n, changed, move, choice, picked, hierarchical, highlight, view } = map;
  const look = getComputedStyle(map.root);
  const names = ["font", "text-color", "background-color", "secondary-background-color", "border-color", "primary-color", "base-radius"];
  const style = Object.fromEntries(names.map((name) => [`--st-${name}`, look.getPropertyValue(`--st-${name}`)]));
  const shown = { n, changed: changed?.n === n ? changed : null, move, choice, picked, hierarchical, highlight, view, style };
  return { map: map.content.key, title: map.title || "Map", ...shown };
}

/** Bytes as base64 of gzip; `unpacked` in page.html is the way back. */
async function packed(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  const zipped = await new Response(stream).blob();
  const reader = new FileReader();
  await new Promise((done) => Object.assign(reader, { onload: done }).readAsDataURL(zipped));
  return reader.result.slice(reader.result.indexOf(",") + 1);
}

