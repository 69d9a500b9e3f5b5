// The time line of an utterance: what is selected, what sounds, and what keys and the pointer do.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const canvas = document.getElementById("line");
  const overview = document.getElementById("overview");
  const selection = document.getElementById("selection");
  const problem = document.getElementById("problem");
  const view = timelineView(data.ticks);
  const fromHash = () => (location.hash.match(/^#(\d+)-(\d+)$/) || []).slice(1).map(Number);
  let selected = null; // {start, end, row, place}; row and place where it is an interval of a row
  let row = 0;
  let head = null; // the tick that sounds

  const { draw, width, tickAt, shown, rowAt } = timelineDrawing(
    data,
    view,
    { canvas, overview, where: document.getElementById("where") },
    () => ({ selected, row, head }),
    () => {
      problem.hidden = false;
      problem.textContent = "A part of the picture cannot be read.";
    },
  );

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
        const about = each.units ? each.units[stretch.place] : symbol; // of a name: its unit
        const address = data.pages.static ? `unit-${each.number}-${about}.html` : `/unit/${each.number}/${about}`;
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
    const number = rowAt(event.clientY - canvas.getBoundingClientRect().top);
    const each = data.rows[number];
    if (!each) {
      select(null);
      return unitdisc.sounds() ? unitdisc.stop() : play(tick, view.first + view.span);
    }
    const place = lastBefore(each.starts, tick);
    if (place >= 0 && tick < each.ends[place]) choose(number, place);
  });
  canvas.addEventListener("dblclick", (event) => {
    if (rowAt(event.clientY - canvas.getBoundingClientRect().top) >= 0) follow("about");
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
  draw();
})();
