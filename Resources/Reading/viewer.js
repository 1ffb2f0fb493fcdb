// Three planes of a CT on plain canvases. No WebGL: remote desktops in hospitals often have none.
// Voxels run to the patient's left (i), back (j) and head (k), i fastest.

const LOWEST = -1024, VALUES = 4096;
// Of each plane: the axes across and down the screen, the axis of its slices, and whether "down" runs against its axis.
const PLANES = {
  axial: { x: 0, y: 1, z: 2, flip: false },
  coronal: { x: 0, y: 2, z: 1, flip: true },
  sagittal: { x: 1, y: 2, z: 0, flip: true },
};

export class Viewer {
  constructor(canvases, onWindow) {
    this.onWindow = onWindow;
    this.tool = null; // null: window for the mouse, scroll for a finger
    this.outline = true;
    this.views = Object.entries(canvases).map(([name, canvas]) => ({ name, canvas, ...PLANES[name], slice: document.createElement("canvas"), pan: [0, 0] }));
    this.active = this.views[0];
    this.lut = new Uint8Array(VALUES);
    for (const view of this.views) this.listen(view);
    new ResizeObserver(() => this.draw()).observe(canvases.axial);
  }

  show(ct, mask, shape, spacing, window) {
    Object.assign(this, { ct, mask, shape, spacing, opened: window });
    this.stride = [1, shape[0], shape[0] * shape[1]];
    this.box = this.maskBox();
    this.reset();
  }

  clear() { this.ct = null; this.draw(); }

  reset() {
    this.at = this.shape.map((n) => Math.floor(n / 2));
    this.zoom = 1;
    for (const view of this.views) view.pan = [0, 0];
    this.setWindow(this.opened[1], this.opened[0]);
  }

  setWindow(width, level) {
    this.width = Math.min(Math.max(width, 10), 4000);
    this.level = Math.min(Math.max(level, -1000), 3000);
    const low = this.level - this.width / 2;
    for (let v = 0; v < VALUES; v++) this.lut[v] = Math.min(Math.max(((v + LOWEST - low) / this.width) * 255, 0), 255);
    this.onWindow(Math.round(this.width), Math.round(this.level));
    this.draw();
  }

  scroll(view, steps) {
    if (!this.ct) return;
    const axis = view.z;
    this.at[axis] = Math.min(Math.max(this.at[axis] + steps, 0), this.shape[axis] - 1);
    this.draw();
  }

  setZoom(zoom) { this.zoom = Math.min(Math.max(zoom, 0.5), 12); this.draw(); }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.views.forEach((view) => this.paint(view)); });
  }

  paint(view) {
    const { canvas } = view, ratio = devicePixelRatio || 1, pen = canvas.getContext("2d");
    const w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, w, h);
    if (!this.ct || !w || !h) return;
    const nx = this.shape[view.x], ny = this.shape[view.y];
    if (view.slice.width !== nx || view.slice.height !== ny) { view.slice.width = nx; view.slice.height = ny; }
    const image = new ImageData(nx, ny), out = new Uint32Array(image.data.buffer), start = this.at[view.z] * this.stride[view.z];
    const sx = this.stride[view.x], sy = this.stride[view.y];
    for (let y = 0, p = 0; y < ny; y++) {
      let from = start + (view.flip ? ny - 1 - y : y) * sy;
      for (let x = 0; x < nx; x++, from += sx) out[p++] = 0xff000000 | (this.lut[this.ct[from] - LOWEST] * 0x010101);
    }
    view.slice.getContext("2d").putImageData(image, 0, 0);
    const place = this.place(view, w, h);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(view.slice, place.left, place.top, nx * place.sx, ny * place.sy);
    if (this.outline) this.paintOutline(view, pen, place, ny, ratio);
    Object.assign(pen, { fillStyle: "#9fb3c8", strokeStyle: "#000", lineWidth: 3 * ratio, font: `${12 * ratio}px system-ui, sans-serif` });
    const write = (text, y) => { pen.strokeText(text, 8 * ratio, y); pen.fillText(text, 8 * ratio, y); }; // to be read on bright tissue, too
    write(`${view.name} ${this.at[view.z] + 1} / ${this.shape[view.z]}`, 18 * ratio);
    write(view.name === "sagittal" ? "A" : "R", h / 2);
  }

  place(view, w, h) {
    const mx = this.spacing[view.x], my = this.spacing[view.y], nx = this.shape[view.x], ny = this.shape[view.y];
    const scale = Math.min(w / (nx * mx), h / (ny * my)) * this.zoom;
    const sx = scale * mx, sy = scale * my, ratio = devicePixelRatio || 1;
    return { sx, sy, left: (w - nx * sx) / 2 + view.pan[0] * ratio, top: (h - ny * sy) / 2 + view.pan[1] * ratio };
  }

  paintOutline(view, pen, place, ny, ratio) {
    const [x0, x1] = this.box[view.x], [y0, y1] = this.box[view.y], start = this.at[view.z] * this.stride[view.z];
    const inside = (x, y) => x >= x0 && x <= x1 && y >= y0 && y <= y1 && this.mask[start + x * this.stride[view.x] + y * this.stride[view.y]] > 0;
    pen.strokeStyle = "#ffd23f";
    pen.lineWidth = 1.5 * ratio;
    pen.beginPath();
    const X = (x) => place.left + x * place.sx, Y = (y) => place.top + (view.flip ? ny - y : y) * place.sy;
    for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) {
      if (!inside(x, y)) continue;
      if (!inside(x - 1, y)) { pen.moveTo(X(x), Y(y)); pen.lineTo(X(x), Y(y + 1)); }
      if (!inside(x + 1, y)) { pen.moveTo(X(x + 1), Y(y)); pen.lineTo(X(x + 1), Y(y + 1)); }
      if (!inside(x, y - 1)) { pen.moveTo(X(x), Y(y)); pen.lineTo(X(x + 1), Y(y)); }
      if (!inside(x, y + 1)) { pen.moveTo(X(x), Y(y + 1)); pen.lineTo(X(x + 1), Y(y + 1)); }
    }
    pen.stroke();
  }

  maskBox() {
    const [nx, ny, nz] = this.shape, box = [[nx, -1], [ny, -1], [nz, -1]];
    for (let k = 0, p = 0; k < nz; k++) for (let j = 0; j < ny; j++) for (let i = 0; i < nx; i++) if (this.mask[p++]) {
      [i, j, k].forEach((v, a) => { if (v < box[a][0]) box[a][0] = v; if (v > box[a][1]) box[a][1] = v; });
    }
    return box;
  }

  pointAt(view, event) {
    const ratio = devicePixelRatio || 1, place = this.place(view, view.canvas.width, view.canvas.height);
    const x = Math.floor((event.offsetX * ratio - place.left) / place.sx), y = Math.floor((event.offsetY * ratio - place.top) / place.sy);
    const ny = this.shape[view.y];
    if (x < 0 || y < 0 || x >= this.shape[view.x] || y >= ny) return;
    this.at[view.x] = x;
    this.at[view.y] = view.flip ? ny - 1 - y : y;
    this.draw();
  }

  listen(view) {
    const { canvas } = view, fingers = new Map();
    let tool = "", moved = 0, rest = 0, apart = 0;
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerenter", () => { this.active = view; });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey) return this.setZoom(this.zoom * Math.exp(-event.deltaY / 300));
      rest += event.deltaMode ? event.deltaY * 30 : event.deltaY;
      const steps = Math.trunc(rest / 30) || (Math.abs(event.deltaY) >= 30 ? Math.sign(rest) : 0);
      if (steps) { rest = 0; this.scroll(view, -steps); }
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      document.activeElement?.blur();
      this.active = view;
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size > 1) { tool = "pinch"; apart = spread(fingers); return; }
      moved = rest = 0;
      const plain = this.tool || (event.pointerType === "touch" ? "scroll" : "window");
      tool = event.button === 2 ? "zoom" : event.button === 1 || event.shiftKey ? "pan" : plain;
    });
    canvas.addEventListener("pointermove", (event) => {
      const last = fingers.get(event.pointerId);
      if (!last || !this.ct) return;
      const dx = event.clientX - last[0], dy = event.clientY - last[1];
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      moved += Math.abs(dx) + Math.abs(dy);
      if (tool === "pinch") {
        const now = spread(fingers);
        view.pan = [view.pan[0] + dx / 2, view.pan[1] + dy / 2];
        if (apart) this.setZoom((this.zoom * now) / apart);
        apart = now;
      } else if (tool === "window") this.setWindow(this.width + 2 * dx, this.level + 2 * dy);
      else if (tool === "zoom") this.setZoom(this.zoom * Math.exp(-dy / 150));
      else if (tool === "pan") { view.pan = [view.pan[0] + dx, view.pan[1] + dy]; this.draw(); }
      else if (tool === "scroll") {
        rest += dy;
        const steps = Math.trunc(rest / 6);
        if (steps) { rest -= steps * 6; this.scroll(view, -steps); }
      }
    });
    const up = (event) => {
      if (!fingers.delete(event.pointerId)) return;
      if (!fingers.size && moved < 4 && tool !== "pinch" && event.type === "pointerup" && this.ct) this.pointAt(view, event);
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
  }
}

function spread(fingers) {
  const [a, b] = [...fingers.values()];
  return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
}
