// Draws one plane of a viewer: the slice, the outline, where the other planes cut it, directions, HU and lengths.

const LABELS = "#c3d0dd", OUTLINE = "#ffd23f", RULER = "#7ee0a1", GAP = 14; // px between a cross-line and what it crosses at

export function paint(viewer, view) {
  const { canvas } = view, ratio = devicePixelRatio || 1, pen = canvas.getContext("2d");
  const w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, w, h);
  if (!viewer.ct || !w || !h) return;
  const place = viewer.place(view);
  paintSlice(viewer, view, pen, place);
  if (viewer.crosslines) paintCrosslines(viewer, view, pen, place, ratio);
  if (viewer.outline) paintOutline(viewer, view, pen, place, ratio);
  paintRuler(viewer, view, pen, place, ratio);
  paintWords(viewer, view, pen, place, ratio);
}

function paintSlice(viewer, view, pen, place) {
  const nx = viewer.shape[view.x], ny = viewer.shape[view.y];
  if (view.drawn.look !== viewer.look || view.drawn.at !== viewer.at[view.z]) renderSlice(viewer, view, nx, ny);
  view.drawn = { look: viewer.look, at: viewer.at[view.z] }; // moving the mouse renders nothing anew
  pen.imageSmoothingQuality = "high";
  pen.drawImage(view.slice, place.left, place.top, nx * place.sx, ny * place.sy);
}

function renderSlice(viewer, view, nx, ny) {
  const start = viewer.at[view.z] * viewer.stride[view.z], sx = viewer.stride[view.x], sy = viewer.stride[view.y];
  if (view.slice.width !== nx || view.slice.height !== ny) { view.slice.width = nx; view.slice.height = ny; }
  const image = new ImageData(nx, ny), out = new Uint32Array(image.data.buffer);
  for (let y = 0, p = 0; y < ny; y++) {
    let from = start + (view.flip ? ny - 1 - y : y) * sy;
    for (let x = 0; x < nx; x++, from += sx) out[p++] = 0xff000000 | (viewer.lut[viewer.ct[from] - viewer.lowest] * 0x010101);
  }
  view.slice.getContext("2d").putImageData(image, 0, 0);
}

// The lesion's place in a plane, in its pixels: [left, top, right, bottom]; null in slices without it.
function lesionBox(viewer, view, place) {
  const [x0, x1] = viewer.box[view.x], [y0, y1] = viewer.box[view.y], [z0, z1] = viewer.box[view.z], ny = viewer.shape[view.y];
  if (viewer.at[view.z] < z0 || viewer.at[view.z] > z1) return null;
  const [top, bottom] = view.flip ? [ny - 1 - y1, ny - y0] : [y0, y1 + 1];
  return [place.left + x0 * place.sx, place.top + top * place.sy, place.left + (x1 + 1) * place.sx, place.top + bottom * place.sy];
}

function paintCrosslines(viewer, view, pen, place, ratio) {
  const ny = viewer.shape[view.y], [w, h] = [view.canvas.width, view.canvas.height], gap = GAP * ratio;
  const x = place.left + (viewer.at[view.x] + 0.5) * place.sx, row = viewer.at[view.y];
  const y = place.top + ((view.flip ? ny - 1 - row : row) + 0.5) * place.sy, box = lesionBox(viewer, view, place);
  const across = view.views.find((other) => other.z === view.y), down = view.views.find((other) => other.z === view.x);
  // Broken where the lines meet and where the lesion lies: they show where to look and hide nothing there.
  const open = (at, low, high, from, to) => box && at > low - gap && at < high + gap ? [from - gap, to + gap] : [Infinity, -Infinity];
  const [left, right] = box ? open(y, box[1], box[3], box[0], box[2]) : [Infinity, -Infinity];
  const [top, bottom] = box ? open(x, box[0], box[2], box[1], box[3]) : [Infinity, -Infinity];
  pen.lineWidth = ratio;
  pen.globalAlpha = 0.65;
  const line = (colour, x0, y0, x1, y1) => { pen.strokeStyle = colour; pen.beginPath(); pen.moveTo(x0, y0); pen.lineTo(x1, y1); pen.stroke(); };
  line(across.colour, 0, y, Math.min(x - gap, left), y);
  line(across.colour, Math.max(x + gap, right), y, w, y);
  line(down.colour, x, 0, x, Math.min(y - gap, top));
  line(down.colour, x, Math.max(y + gap, bottom), x, h);
  pen.globalAlpha = 1;
}

function paintOutline(viewer, view, pen, place, ratio) {
  const [x0, x1] = viewer.box[view.x], [y0, y1] = viewer.box[view.y], start = viewer.at[view.z] * viewer.stride[view.z];
  const ny = viewer.shape[view.y], sx = viewer.stride[view.x], sy = viewer.stride[view.y];
  const inside = (x, y) => x >= x0 && x <= x1 && y >= y0 && y <= y1 && viewer.mask[start + x * sx + y * sy] > 0;
  pen.strokeStyle = OUTLINE;
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

function paintRuler(viewer, view, pen, place, ratio) {
  const { ruler } = view;
  if (!ruler || ruler.slice !== viewer.at[view.z]) return;
  const [[x0, y0], [x1, y1]] = [ruler.from, ruler.to].map(([x, y]) => [place.left + x * place.sx, place.top + y * place.sy]);
  pen.strokeStyle = RULER;
  pen.lineWidth = 1.5 * ratio;
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
  const right = Math.min(Math.max(x0, x1) + 6 * ratio, view.canvas.width - 60 * ratio); // in sight
  view.canvas.dataset.mm = viewer.rulerMm(view).toFixed(1);
  write(pen, `${view.canvas.dataset.mm} mm`, right, (x0 > x1 ? y0 : y1) - 6 * ratio, ratio, RULER);
}

function paintWords(viewer, view, pen, place, ratio) {
  const [w, h] = [view.canvas.width, view.canvas.height], at = (px) => px * ratio, small = w < at(260);
  const [left, right, top, bottom] = view.directions;
  write(pen, left, at(8), h / 2 + at(4), ratio);
  write(pen, right, w - at(8), h / 2 + at(4), ratio, LABELS, "right");
  write(pen, top, w / 2, at(18), ratio, LABELS, "center");
  write(pen, bottom, w / 2, h - at(8), ratio, LABELS, "center");
  write(pen, `${small ? view.name.slice(0, 3) : view.name} ${viewer.at[view.z] + 1} / ${viewer.shape[view.z]}`, at(8), at(18), ratio, view.colour);
  const hu = viewer.huAt(view);
  Object.assign(view.canvas.dataset, { slice: viewer.at[view.z] + 1, hu: hu ?? "" });
  if (hu !== undefined) write(pen, `${hu} HU`, at(8), h - at(8), ratio);
  const perMm = place.sx / viewer.spacing[view.x], mm = [100, 50, 20, 10, 5, 2, 1].find((n) => n * perMm <= w / 3) || 1;
  const end = w - at(10), y = h - at(8);
  pen.strokeStyle = LABELS;
  pen.lineWidth = 1.5 * ratio;
  pen.beginPath();
  pen.moveTo(end - mm * perMm, y - at(4));
  pen.lineTo(end - mm * perMm, y);
  pen.lineTo(end, y);
  pen.lineTo(end, y - at(4));
  pen.stroke();
  write(pen, `${mm} mm`, end, y - at(8), ratio, LABELS, "right");
}

// To be read on bright tissue, too.
function write(pen, text, x, y, ratio, colour = LABELS, align = "left") {
  Object.assign(pen, { fillStyle: colour, strokeStyle: "#000", lineWidth: 3 * ratio, lineJoin: "round", textAlign: align, font: `${12 * ratio}px system-ui, sans-serif` });
  pen.strokeText(text, x, y);
  pen.fillText(text, x, y);
}
