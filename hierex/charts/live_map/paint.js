// Two ways to paint points.

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

