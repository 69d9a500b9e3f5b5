// What the time line of an utterance looks like: a scale, its picture, rows of intervals, a selection, and all of it small.
"use strict";
// now() gives what can change: {selected, row, head}; failed() is called where a picture cannot be had.
const timelineDrawing = (data, view, { canvas, overview, where }, now, failed) => {
  const ROW = 30, AXIS = 20, PIXELS = 512, LOWEST = 60, HIGHEST = 420;
  const FONT = "12px system-ui, sans-serif";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
  let waiting = false;

  // Titles of rows stand left of all that has a time.
  const measure = document.createElement("canvas").getContext("2d");
  measure.font = FONT;
  const gutter = Math.min(150, Math.ceil(Math.max(0, ...data.rows.map((each) => measure.measureText(each.title).width))) + 14);
  const width = () => Math.max(100, (canvas.clientWidth || 800) - gutter);
  const x = (tick) => gutter + ((tick - view.first) / view.span) * width();
  const tickAt = (pixel) => view.first + (Math.min(width(), Math.max(0, pixel - gutter)) / width()) * view.span;
  const size = () => { // pixels that the picture is high: lines keep their shape, as far as there is room
    if (!data.image) return data.pictureHeight;
    return Math.round(Math.min(HIGHEST, Math.max(LOWEST, (data.height * width()) / view.span)));
  };
  const shown = (ticks) => (data.rate ? `${(ticks / data.rate).toFixed(3)} s` : `${Math.round(ticks)}`);
  const hue = (symbol) => Math.round(symbol * 137.5) % 360;

  const pictures = pictureStore(
    (part) => part.src || `/picture/${data.place}?start=${part.start}&end=${part.end}&width=${part.width}`,
    () => draw(),
    failed,
  );

  const draw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      drawLine();
      drawOverview();
    });
  };

  const sized = (element, tall) => {
    const scale = window.devicePixelRatio || 1;
    const wide = element.clientWidth;
    if (element.width !== Math.round(wide * scale) || element.height !== Math.round(tall * scale)) {
      element.width = Math.round(wide * scale);
      element.height = Math.round(tall * scale);
    }
    const pen = element.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, wide, tall);
    return pen;
  };

  const drawLine = () => {
    const { selected, row, head } = now();
    const high = size();
    const height = AXIS + high + ROW * data.rows.length;
    canvas.style.height = `${height}px`;
    const pen = sized(canvas, height);
    const wide = gutter + width();
    pen.font = FONT;
    pen.save();
    pen.beginPath();
    pen.rect(gutter, 0, width(), height);
    pen.clip();
    drawAxis(pen);
    if (dark.matches) pen.filter = "invert(1)";
    const parts = data.pictures || view.pieces(width(), PIXELS);
    for (const part of parts) {
      if (part.end < view.first || part.start > view.first + view.span) continue;
      const image = pictures(part);
      if (image.complete && image.naturalWidth) pen.drawImage(image, x(part.start), AXIS, x(part.end) - x(part.start), high);
    }
    pen.filter = "none";
    data.rows.forEach((each, number) => drawRow(pen, each, AXIS + high + number * ROW, wide));
    if (selected) {
      pen.fillStyle = style("--mark");
      pen.globalAlpha = 0.14;
      pen.fillRect(x(selected.start), AXIS, Math.max(1, x(selected.end) - x(selected.start)), height - AXIS);
      pen.globalAlpha = 1;
      pen.strokeStyle = style("--mark");
      pen.strokeRect(x(selected.start), AXIS, Math.max(1, x(selected.end) - x(selected.start)), height - AXIS - 0.5);
    }
    if (head !== null) {
      pen.fillStyle = style("--mark");
      pen.fillRect(x(head), 0, 1.5, height);
    }
    pen.restore();
    pen.font = FONT;
    pen.textBaseline = "middle";
    data.rows.forEach((each, number) => {
      pen.fillStyle = style(number === row ? "--mark" : "--soft");
      pen.fillText(each.title, 6, AXIS + high + (number + 0.5) * ROW, gutter - 12);
    });
  };

  const drawAxis = (pen) => {
    const unit = data.rate || 1;
    const wanted = (view.span / unit) * (90 / width());
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= wanted);
    pen.fillStyle = style("--soft");
    pen.strokeStyle = style("--line");
    pen.textBaseline = "middle";
    for (let value = Math.ceil(view.first / unit / step) * step; value <= (view.first + view.span) / unit; value += step) {
      const place = x(value * unit);
      pen.beginPath();
      pen.moveTo(place, 0);
      pen.lineTo(place, AXIS);
      pen.stroke();
      pen.fillText(data.rate ? `${Number(value.toFixed(4))} s` : `${Math.round(value)}`, place + 3, AXIS / 2);
    }
  };

  const drawRow = (pen, each, top, wide) => {
    const last = view.first + view.span;
    let place = Math.max(0, lastBefore(each.starts, view.first));
    let drawnTo = -1;
    for (; place < each.starts.length && each.starts[place] < last; place += 1) {
      const left = Math.max(gutter - 2, x(each.starts[place]));
      const right = Math.min(wide + 2, x(each.ends[place]));
      if (right - left < 1 && right < drawnTo + 1) continue; // too many to see
      drawnTo = right;
      const symbol = each.symbols[place];
      pen.fillStyle = each.kind === "tier" || symbol === each.quiet ? style("--panel") : `hsl(${hue(symbol)} 55% ${dark.matches ? 30 : 84}%)`;
      pen.fillRect(left, top + 1, right - left, ROW - 2);
      pen.strokeStyle = style("--ground");
      pen.strokeRect(left, top + 1, right - left, ROW - 2);
      const label = each.names[symbol];
      if (right - left > 9 && pen.measureText(label).width < right - left - 2) {
        pen.fillStyle = style("--ink");
        pen.textAlign = "center";
        pen.fillText(label, (left + right) / 2, top + ROW / 2);
      }
    }
    pen.textAlign = "left";
  };

  const drawOverview = () => {
    const { selected } = now();
    overview.hidden = view.span >= data.ticks;
    where.textContent = overview.hidden ? "" : `${shown(view.first)} to ${shown(view.first + view.span)}`;
    if (overview.hidden) return;
    const pen = sized(overview, 26);
    const wide = overview.clientWidth;
    pen.fillStyle = style("--panel");
    pen.fillRect(0, 0, wide, 26);
    const place = (tick) => (tick / data.ticks) * wide;
    pen.fillStyle = style("--accent");
    pen.globalAlpha = 0.4;
    pen.fillRect(place(view.first), 2, Math.max(3, place(view.span)), 22);
    pen.globalAlpha = 1;
    if (selected) {
      pen.fillStyle = style("--mark");
      pen.fillRect(place(selected.start), 0, Math.max(2, place(selected.end - selected.start)), 26);
    }
  };

  dark.addEventListener("change", draw);
  window.addEventListener("resize", draw);
  // The row at a height of the canvas, in pixels; -1 above all.
  const rowAt = (pixel) => Math.max(-1, Math.floor((pixel - AXIS - size()) / ROW));
  return { draw, width, tickAt, shown, rowAt };
};
