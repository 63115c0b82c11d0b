// Scores of the last frames, a line a target.
const LAST = 300;
const INK = "#a9b4c2", GRID = "#2c3542";

export class Scores {
  #lines = new Map(); // name -> {colour, points: [[number, score]]}

  clear() { this.#lines.clear(); }

  add(number, targets) {
    for (const { name, colour, score } of targets) {
      const line = this.#lines.get(name) ?? { colour, points: [] };
      this.#lines.set(name, line);
      // a frame before those that were drawn: somebody went back in the file
      while (line.points.length && line.points.at(-1)[0] >= number) line.points.pop();
      if (score !== null) line.points.push([number, score]);
    }
    for (const [name, line] of this.#lines) {
      line.points = line.points.filter(([at]) => at > number - LAST && at <= number);
      if (!line.points.length) this.#lines.delete(name);
    }
  }

  count() { return Math.max(0, ...[...this.#lines.values()].map((line) => line.points.length)); }

  draw(canvas) {
    const scale = devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const all = [...this.#lines.values()].flatMap((line) => line.points);
    const top = Math.max(1, ...all.map(([, score]) => score)), low = Math.min(0, ...all.map(([, score]) => score));
    const last = Math.max(LAST, ...all.map(([number]) => number));
    const left = 30, right = width - 6, upper = 8, lower = height - 20;
    const x = (number) => right - (last - number) / LAST * (right - left);
    const y = (score) => lower - (score - low) / (top - low) * (lower - upper);
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = INK;
    pen.strokeStyle = GRID;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const score of [low, (low + top) / 2, top]) {
      pen.beginPath(); pen.moveTo(left, y(score)); pen.lineTo(right, y(score)); pen.stroke();
      pen.fillText(score.toFixed(score === 0 ? 0 : 1), left - 6, y(score));
    }
    pen.textBaseline = "alphabetic";
    pen.fillText(all.length ? `frame ${last}` : "no scores yet", right, height - 5);
    pen.textAlign = "left";
    if (all.length) pen.fillText(`${last - LAST}`, left, height - 5);
    pen.lineWidth = 1.8;
    pen.lineJoin = "round";
    for (const { colour, points } of this.#lines.values()) {
      pen.strokeStyle = colour;
      pen.beginPath();
      points.forEach(([number, score], k) => (k ? pen.lineTo(x(number), y(score)) : pen.moveTo(x(number), y(score))));
      pen.stroke();
    }
  }
}
