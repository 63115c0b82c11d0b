// The video: the newest picture, the boxes over it, and boxes that are drawn with mouse, pen or finger.
// Box coordinates are pixels of the frame; (x, y) is the left upper edge of a box's first pixel.
const LEAST = 6; // pixels of the screen: a smaller drag is a slip

export class Screen {
  #canvas; #picture = null; #size = [640, 360]; #view = null;
  #held = null; // while a box is drawn: the picture and view that stand still
  #drag = null; // {pointer, from: [x, y], to: [x, y]} in frame pixels
  #calls;

  // calls: start(view) as a drag begins, box(view, [x, y, w, h]) when one is drawn, cancel(why)
  constructor(canvas, calls) {
    this.#canvas = canvas;
    this.#calls = calls;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    addEventListener("keydown", (event) => { if (event.key === "Escape") this.cancel(); });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  show(view, picture) {
    if (picture) {
      if (this.#picture && this.#picture !== this.#held?.picture) this.#picture.close();
      this.#picture = picture;
    }
    this.#view = view;
    if (view?.size) this.#size = view.size;
    this.draw();
  }

  clear() {
    this.cancel();
    this.#picture = this.#view = null;
    this.draw();
  }

  get view() { return this.#held?.view ?? this.#view; }

  cancel(why = "cancelled, nothing has changed") {
    if (!this.#drag) return;
    this.#release();
    this.#calls.cancel(why);
  }

  #release() {
    if (this.#held && this.#held.picture !== this.#picture) this.#held.picture?.close();
    this.#drag = this.#held = null;
    this.draw();
  }

  // Where the picture lies on the canvas, in pixels of the page.
  #place() {
    const [width, height] = this.#size, room = this.#canvas;
    const scale = Math.min(room.clientWidth / width, room.clientHeight / height);
    return { scale, left: (room.clientWidth - scale * width) / 2, top: (room.clientHeight - scale * height) / 2 };
  }

  #at(event) {
    const { scale, left, top } = this.#place();
    const [width, height] = this.#size;
    const clamp = (value, most) => Math.min(Math.max(value, 0), most);
    const edge = this.#canvas.getBoundingClientRect();
    return [clamp((event.clientX - edge.left - left) / scale, width), clamp((event.clientY - edge.top - top) / scale, height)];
  }

  #down(event) {
    if (event.button !== 0 || !this.#view?.size || this.#drag) return;
    event.preventDefault();
    this.#canvas.focus({ preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#held = { view: this.#view, picture: this.#picture };
    const at = this.#at(event);
    this.#drag = { pointer: event.pointerId, from: at, to: at };
    this.#calls.start(this.#held.view);
    this.draw();
  }

  #move(event) {
    if (this.#drag?.pointer !== event.pointerId) return;
    this.#drag.to = this.#at(event);
    this.draw();
  }

  #up(event) {
    if (this.#drag?.pointer !== event.pointerId) return;
    this.#drag.to = this.#at(event);
    const box = this.#box(), { view } = this.#held, { scale } = this.#place();
    if (Math.min(box[2], box[3]) * scale < LEAST) return this.cancel("that box is too small, nothing has changed");
    this.#release();
    this.#calls.box(view, box);
  }

  #box() {
    const { from: [x0, y0], to: [x1, y1] } = this.#drag;
    return [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
  }

  draw() {
    const canvas = this.#canvas, ratio = devicePixelRatio || 1;
    canvas.style.aspectRatio = `${this.#size[0]} / ${this.#size[1]}`;
    const width = Math.round(canvas.clientWidth * ratio), height = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    const { scale, left, top } = this.#place();
    const { view, picture } = this.#held ?? { view: this.#view, picture: this.#picture };
    if (picture) pen.drawImage(picture, left, top, scale * this.#size[0], scale * this.#size[1]);
    const place = ([x, y, w, h]) => [left + x * scale, top + y * scale, w * scale, h * scale];
    for (const target of view?.targets ?? []) outline(pen, place(target.box), target.colour, target.line);
    const taken = [];
    for (const target of view?.targets ?? []) label(pen, place(target.box), target, canvas, taken);
    if (this.#drag) outline(pen, place(this.#box()), "#ffffff", [3, 3]);
  }
}

function outline(pen, [x, y, w, h], colour, strokes) {
  const width = 2.5;
  if (!(w > 0 && h > 0)) return;
  pen.lineCap = pen.lineJoin = "round";
  pen.setLineDash(strokes.map((length) => length * width));
  for (const [style, wide] of [["rgba(0, 0, 0, .65)", width + 2], [colour, width]]) {
    pen.strokeStyle = style;
    pen.lineWidth = wide;
    pen.strokeRect(x, y, w, h);
  }
  pen.setLineDash([]);
}

export function verdict({ status, score }) {
  return `${status.replace("_", " ")}${score === null ? "" : `  ${score.toFixed(2)}`}`;
}

// Above, below or beside its box, where it covers no label that is there already.
function label(pen, [x, y, w, h], target, room, taken) {
  pen.font = "600 12.5px system-ui, sans-serif";
  const words = `${target.name}  ${verdict(target)}`;
  const wide = pen.measureText(words).width + 12, high = 20;
  const left = Math.max(0, Math.min(x - 1, room.clientWidth - wide));
  const places = [[left, y - high - 4], [left, y + h + 4], [x + w + 4, y], [x - wide - 4, y]];
  for (let shift = 1; shift <= 4; shift++) places.push([left, y - high - 4 - shift * (high + 2)], [left, y + h + 4 + shift * (high + 2)]);
  const inside = ([l, t]) => l >= 0 && t >= 0 && l + wide <= room.clientWidth && t + high <= room.clientHeight;
  const free = ([l, t]) => taken.every(([a, b, c]) => l + wide <= a || l >= a + c || t + high <= b || t >= b + high);
  const [at, top] = places.find((place) => inside(place) && free(place)) ?? [left, Math.max(0, Math.min(y, room.clientHeight - high))];
  taken.push([at, top, wide]);
  pen.fillStyle = target.colour;
  pen.beginPath();
  pen.roundRect(at, top, wide, high, 4);
  pen.fill();
  pen.fillStyle = target.ink;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillText(words, at + 6, top + high / 2 + 0.5);
}
