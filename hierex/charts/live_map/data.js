// Receives the whole map as bytes, once, and hands it to the map that waits for it (map.js).
export default function receive({ data }) {
  if (!data) return;
  const shared = (window.hierexMaps ??= { contents: new Map(), views: new Map(), events: new EventTarget() });
  const bytes = data.slice(); // what arrives is a view into a larger message, at any offset
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  if (shared.contents.has(header.key)) return;
  const types = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };
  const content = { ...header, bytes };
  for (const [name, [type, at, n]] of Object.entries(header.arrays)) {
    content[name] = new types[type](bytes.buffer, 4 + length + at, n);
  }
  if (shared.contents.size > 1) shared.contents.delete(shared.contents.keys().next().value);
  shared.contents.set(header.key, content);
  shared.events.dispatchEvent(new CustomEvent("content", { detail: header.key }));
}
