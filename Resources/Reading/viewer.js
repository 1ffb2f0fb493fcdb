// Three planes of a CT on plain canvases. No WebGL: remote desktops in hospitals often have none.
// Voxels run to the patient's left (i), back (j) and head (k), i fastest.
import { paint } from "./paint.js";
import { Wheel } from "./wheel.js";

const LOWEST = -1024, VALUES = 4096, CLICK_PX = 4, DOUBLE_MS = 350, DOUBLE_PX = 12;
// Of each plane: the axes across and down the screen, the axis of its slices, whether "down" runs against its axis, what
// lies at the screen's left, right, top and bottom, and the colour of its name and of its line in the other planes.
const PLANES = {
  axial: { x: 0, y: 1, z: 2, flip: false, directions: ["R", "L", "A", "P"], colour: "#ff8f80" },
  coronal: { x: 0, y: 2, z: 1, flip: true, directions: ["R", "L", "H", "F"], colour: "#8fd18a" },
  sagittal: { x: 1, y: 2, z: 0, flip: true, directions: ["A", "P", "H", "F"], colour: "#8fbcff" },
};

export class Viewer {
  constructor(canvases, onChange) {
    this.onChange = onChange; // called when the window or the enlarged plane changes
    this.lowest = LOWEST;
    this.tool = null; // null: window for the mouse, scroll for a finger
    this.outline = this.crosslines = true;
    this.large = null; // the plane that has all the room
    this.views = Object.entries(canvases).map(([name, canvas]) => ({ name, canvas, ...PLANES[name], slice: document.createElement("canvas"), drawn: {}, pan: [0, 0] }));
    for (const view of this.views) view.views = this.views;
    this.active = this.views[0];
    this.lut = new Uint8Array(VALUES);
    this.look = 0; // counts scans and windows, after which slices are rendered anew
    const resized = new ResizeObserver(() => this.draw());
    for (const view of this.views) { this.listen(view); resized.observe(view.canvas); }
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
    this.large = null;
    for (const view of this.views) Object.assign(view, { pan: [0, 0], ruler: null });
    this.setWindow(this.opened[1], this.opened[0]);
  }

  setWindow(width, level) {
    this.width = Math.min(Math.max(width, 10), 4000);
    this.level = Math.min(Math.max(level, -1000), 3000);
    const low = this.level - this.width / 2;
    for (let v = 0; v < VALUES; v++) this.lut[v] = Math.min(Math.max(((v + LOWEST - low) / this.width) * 255, 0), 255);
    this.look++;
    this.changed();
  }

  changed() { this.onChange(); this.draw(); }

  enlarge(view) {
    this.large = this.large === view ? null : view;
    this.changed();
  }

  scroll(view, steps) {
    if (!this.ct) return;
    this.at[view.z] = Math.min(Math.max(this.at[view.z] + steps, 0), this.shape[view.z] - 1);
    this.draw();
  }

  setZoom(zoom) { this.zoom = Math.min(Math.max(zoom, 0.5), 12); this.draw(); }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.views.forEach((view) => paint(this, view)); });
  }

  // Where a plane's image lies on its canvas, in the canvas's own pixels, and how large a voxel is there.
  place(view) {
    const { width: w, height: h } = view.canvas, ratio = devicePixelRatio || 1;
    const mx = this.spacing[view.x], my = this.spacing[view.y], nx = this.shape[view.x], ny = this.shape[view.y];
    const scale = Math.min(w / (nx * mx), h / (ny * my)) * this.zoom, sx = scale * mx, sy = scale * my;
    return { sx, sy, left: (w - nx * sx) / 2 + view.pan[0] * ratio, top: (h - ny * sy) / 2 + view.pan[1] * ratio };
  }

  maskBox() {
    const [nx, ny, nz] = this.shape, box = [[nx, -1], [ny, -1], [nz, -1]];
    for (let k = 0, p = 0; k < nz; k++) for (let j = 0; j < ny; j++) for (let i = 0; i < nx; i++) if (this.mask[p++]) {
      [i, j, k].forEach((v, a) => { if (v < box[a][0]) box[a][0] = v; if (v > box[a][1]) box[a][1] = v; });
    }
    return box;
  }

  // A point of the canvas in pixels of the slice's image, whole or not.
  onImage(view, [x, y]) {
    const ratio = devicePixelRatio || 1, place = this.place(view);
    return [(x * ratio - place.left) / place.sx, (y * ratio - place.top) / place.sy];
  }

  // Column and row of the voxel there, along the scan's axes; undefined beside the scan.
  voxelAt(view, point) {
    const [x, y] = this.onImage(view, point).map(Math.floor), nx = this.shape[view.x], ny = this.shape[view.y];
    return x < 0 || y < 0 || x >= nx || y >= ny ? undefined : [x, view.flip ? ny - 1 - y : y];
  }

  huAt(view) {
    const voxel = view.mouse && this.voxelAt(view, view.mouse);
    return voxel && this.ct[voxel[0] * this.stride[view.x] + voxel[1] * this.stride[view.y] + this.at[view.z] * this.stride[view.z]];
  }

  pointAt(view, point) {
    const voxel = this.voxelAt(view, point);
    if (!voxel) return;
    [this.at[view.x], this.at[view.y]] = voxel;
    this.draw();
  }

  rulerMm(view) {
    const { from, to } = view.ruler;
    return Math.hypot((to[0] - from[0]) * this.spacing[view.x], (to[1] - from[1]) * this.spacing[view.y]);
  }

  listen(view) {
    const { canvas } = view, wheel = new Wheel();
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerenter", () => { this.active = view; });
    canvas.addEventListener("pointerleave", () => { view.mouse = null; this.draw(); });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.ctrlKey) return this.setZoom(this.zoom * Math.exp(-event.deltaY / 300));
      const steps = wheel.slices(event);
      if (steps) this.scroll(view, steps);
    }, { passive: false });
    this.listenPointers(view);
  }

  listenPointers(view) {
    const { canvas } = view, fingers = new Map();
    let tool = "", moved = 0, rest = 0, apart = 0, clicked = { time: -Infinity, at: [0, 0] };
    const where = (event) => [event.offsetX, event.offsetY];
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
      if (tool === "ruler" && this.ct) view.ruler = { slice: this.at[view.z], from: this.onImage(view, where(event)), to: this.onImage(view, where(event)) };
    });
    canvas.addEventListener("pointermove", (event) => {
      view.mouse = where(event);
      const last = fingers.get(event.pointerId);
      if (!this.ct) return;
      if (!last) return this.draw();
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
      else if (tool === "ruler") { if (view.ruler) view.ruler.to = this.onImage(view, where(event)); this.draw(); }
      else if (tool === "scroll") {
        rest += dy;
        const steps = Math.trunc(rest / 6);
        if (steps) { rest -= steps * 6; this.scroll(view, -steps); }
      }
    });
    const up = (event) => {
      if (!fingers.delete(event.pointerId) || fingers.size || !this.ct) return;
      if (moved >= CLICK_PX || tool === "pinch" || event.type !== "pointerup") return;
      if (tool === "ruler") view.ruler = null; // a click takes it away
      view.mouse = where(event);
      const again = event.timeStamp - clicked.time < DOUBLE_MS && Math.hypot(view.mouse[0] - clicked.at[0], view.mouse[1] - clicked.at[1]) < DOUBLE_PX;
      clicked = { time: again ? -Infinity : event.timeStamp, at: view.mouse };
      if (again) this.enlarge(view);
      else if (tool !== "ruler") this.pointAt(view, view.mouse);
      else this.draw();
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
  }
}

function spread(fingers) {
  const [a, b] = [...fingers.values()];
  return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
}
