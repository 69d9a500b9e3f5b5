// The time line of an utterance: its picture, rows of units, words and labels, a selection, and what sounds.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("line");
  const overview = document.getElementById("overview");
  const selection = document.getElementById("selection");
  const problem = document.getElementById("problem");
  const view = timelineView(data.ticks);
  const ROW = 30, AXIS = 20, PIXELS = 512, LOWEST = 60, HIGHEST = 420;
  const FONT = "12px system-ui, sans-serif";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
  const fromHash = () => (location.hash.match(/^#(\d+)-(\d+)$/) || []).slice(1).map(Number);
  let selected = null; // {start, end, row, place}; row and place where it is an interval of a row
  let row = 0;
  let head = null; // the tick that sounds
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
    () => {
      problem.hidden = false;
      problem.textContent = "A part of the picture cannot be read.";
    },
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
      pen.fillStyle = each.kind === "tier" ? style("--panel") : `hsl(${hue(symbol)} 55% ${dark.matches ? 30 : 84}%)`;
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
    overview.hidden = view.span >= data.ticks;
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
    document.getElementById("where").textContent = `${shown(view.first)} to ${shown(view.first + view.span)}`;
  };

  // What is selected, said in words, with what can be done about it.
  const select = (stretch) => {
    selected = stretch;
    selection.replaceChildren();
    if (stretch) {
      const { start, end } = stretch;
      const add = (kind, text, fields) => {
        const element = Object.assign(document.createElement(kind), { textContent: text, ...fields });
        selection.append(element, " ");
        return element;
      };
      if (stretch.row !== undefined) {
        const each = data.rows[stretch.row];
        const symbol = each.symbols[stretch.place];
        const address = data.pages.static ? `unit-${each.number}-${symbol}.html` : `/unit/${each.number}/${symbol}`;
        add("b", `${each.title} ${each.names[symbol]}`);
        add("span", `${shown(start)} to ${shown(end)}`);
        add("a", "all about it", { href: address, id: "about" });
      } else {
        add("span", `${shown(start)} to ${shown(end)} (${shown(end - start)})`);
      }
      if (!data.pages.static) add("a", "find what is like it", { href: `/example?place=${data.place}&start=${start}&end=${end}`, id: "like" });
    }
    draw();
  };

  const say = (error) => {
    problem.hidden = false;
    problem.textContent = `This cannot be played: ${error.message}`;
  };

  const play = (start, end) => {
    if (data.image || !data.rate) return;
    const last = Math.min(end, start + data.longest * data.rate);
    const step = (tick) => { head = tick; draw(); };
    const ended = () => { head = null; draw(); };
    unitdisc.play({ place: data.place, start: Math.floor(start), end: Math.ceil(last), rate: data.rate }, { step, ended }).catch(say);
  };

  const playOrStop = () => {
    if (unitdisc.sounds()) return unitdisc.stop();
    const [start, end] = selected ? [selected.start, selected.end] : [view.first, view.first + view.span];
    return play(start, end);
  };

  const choose = (number, place) => {
    const each = data.rows[number];
    if (!each || place < 0 || place >= each.starts.length) return;
    row = number;
    select({ start: each.starts[place], end: each.ends[place], row: number, place });
    view.see(each.starts[place], each.ends[place]);
    play(each.starts[place], each.ends[place]);
  };

  const step = (by) => {
    const each = data.rows[row];
    if (!each) return;
    if (selected && selected.row === row) return choose(row, selected.place + by);
    const near = lastBefore(each.starts, selected ? selected.start : view.first);
    choose(row, Math.max(0, near));
  };

  const changeRow = (by) => {
    if (!data.rows.length) return;
    row = Math.min(data.rows.length - 1, Math.max(0, row + by));
    const middle = selected ? (selected.start + selected.end) / 2 : view.first;
    choose(row, Math.max(0, lastBefore(data.rows[row].starts, middle)));
  };

  const closer = () => {
    if (!selected) return;
    const span = Math.max(1.5 * (selected.end - selected.start), 1);
    view.show((selected.start + selected.end - span) / 2, span);
    draw();
  };

  const follow = (id) => {
    const link = document.getElementById(id);
    if (link) location.href = link.href;
  };

  const keys = {
    ArrowLeft: () => view.move(-0.25),
    ArrowRight: () => view.move(0.25),
    PageUp: () => view.move(-1),
    PageDown: () => view.move(1),
    Home: () => view.show(0, view.span),
    End: () => view.show(data.ticks, view.span),
    ArrowUp: () => changeRow(-1),
    ArrowDown: () => changeRow(1),
    "+": () => view.zoom(0.5),
    "=": () => view.zoom(0.5),
    "-": () => view.zoom(2),
    0: () => view.show(0, data.ticks),
    ",": () => step(-1),
    ".": () => step(1),
    z: closer,
    " ": playOrStop,
    Enter: () => follow("about"),
    f: () => follow("like"),
    Escape: () => { unitdisc.stop(); select(null); },
  };
  canvas.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
    draw();
  });

  const pixel = (event) => event.clientX - canvas.getBoundingClientRect().left;
  let pressed = null; // {tick, moved}
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    pressed = { at: pixel(event), tick: tickAt(pixel(event)), moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pressed) return;
    pressed.moved = pressed.moved || Math.abs(pixel(event) - pressed.at) > 4;
    if (!pressed.moved) return;
    const ends = [pressed.tick, tickAt(pixel(event))].map((tick) => Math.round(Math.min(data.ticks, Math.max(0, tick))));
    const [start, end] = ends.sort((one, other) => one - other);
    if (end > start) select({ start, end });
  });
  canvas.addEventListener("pointercancel", () => { pressed = null; });
  canvas.addEventListener("pointerup", (event) => {
    if (!pressed) return;
    const { moved, tick } = pressed;
    pressed = null;
    if (moved) return void (selected && play(selected.start, selected.end));
    const number = Math.floor((event.clientY - canvas.getBoundingClientRect().top - AXIS - size()) / ROW);
    const each = data.rows[number];
    if (!each) {
      select(null);
      return unitdisc.sounds() ? unitdisc.stop() : play(tick, view.first + view.span);
    }
    const place = lastBefore(each.starts, tick);
    if (place >= 0 && tick < each.ends[place]) choose(number, place);
  });
  canvas.addEventListener("dblclick", (event) => {
    if (event.clientY - canvas.getBoundingClientRect().top > AXIS + size()) follow("about");
  });
  canvas.addEventListener("wheel", (event) => {
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) view.move((event.deltaX || event.deltaY) / width());
    else if (event.ctrlKey || event.altKey) view.zoom(2 ** (event.deltaY / 200), tickAt(pixel(event)));
    else return;
    event.preventDefault();
    draw();
  }, { passive: false });

  const goTo = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const frame = overview.getBoundingClientRect();
    view.show(((event.clientX - frame.left) / frame.width) * data.ticks - view.span / 2, view.span);
    draw();
  };
  overview.addEventListener("pointerdown", goTo);
  overview.addEventListener("pointermove", goTo);

  const button = (id, action) => {
    const element = document.getElementById(id);
    if (element) element.addEventListener("click", () => { action(); draw(); canvas.focus(); });
  };
  button("play", playOrStop);
  button("in", keys["+"]);
  button("out", keys["-"]);
  button("all", keys[0]);
  button("closer", closer);

  const unit = data.rate || data.height || 1; // at first ten seconds, or 24 heights of a line
  view.show(0, Math.min(data.ticks, unit * (data.rate ? 10 : 24)));
  const begin = data.selected || (fromHash().length === 2 ? fromHash() : null);
  if (begin) {
    const number = data.rows.findIndex((each) => each.starts.some((start, place) => start === begin[0] && each.ends[place] === begin[1]));
    const place = number < 0 ? undefined : data.rows[number].starts.indexOf(begin[0]);
    row = Math.max(0, number);
    select({ start: begin[0], end: begin[1], ...(number < 0 ? {} : { row: number, place }) });
    view.see(begin[0], begin[1]);
  }
  window.addEventListener("resize", draw);
  dark.addEventListener("change", draw);
  draw();
})();
