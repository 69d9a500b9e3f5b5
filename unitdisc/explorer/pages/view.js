// What of an utterance is on the screen, and what stands where, in ticks; and the pictures that have come.
"use strict";
const timelineView = (ticks) => {
  const LEAST = 40; // ticks on the screen
  const view = { first: 0, span: ticks };

  view.show = (first, span) => {
    view.span = Math.min(ticks, Math.max(Math.min(LEAST, ticks), span));
    view.first = Math.min(Math.max(0, first), ticks - view.span);
  };
  view.zoom = (factor, around = view.first + view.span / 2) => {
    const share = (around - view.first) / view.span;
    const span = Math.min(ticks, Math.max(Math.min(LEAST, ticks), view.span * factor));
    view.show(around - share * span, span);
  };
  view.move = (share) => view.show(view.first + share * view.span, view.span);
  view.see = (start, end) => {
    if (start >= view.first && end <= view.first + view.span) return;
    const span = Math.max(view.span, 1.2 * (end - start));
    view.show((start + end - span) / 2, span);
  };

  // The pieces that pictures are made of: of spans of a power of two, so that they are the same at every visit.
  view.pieces = (width, pixels) => {
    const span = 2 ** Math.ceil(Math.log2((view.span * pixels) / width));
    const found = [];
    for (let start = Math.floor(view.first / span) * span; start < view.first + view.span; start += span) {
      const end = Math.min(start + span, ticks);
      if (end > start) found.push({ start, end, width: Math.max(1, Math.round((pixels * (end - start)) / span)) });
    }
    return found;
  };
  return view;
};

// The place of the last interval that begins at a tick or before; -1 if there is none.
const lastBefore = (starts, tick) => {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= tick) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

// Pictures, asked for once each: gives the image of a part, which may still be on its way; the latest are kept.
const pictureStore = (addressOf, come, failed) => {
  const MOST = 200;
  const kept = new Map();
  return (part) => {
    const address = addressOf(part);
    if (!kept.has(address)) {
      const image = new Image();
      image.onload = come;
      image.onerror = failed;
      image.src = address;
      kept.set(address, image);
      if (kept.size > MOST) kept.delete(kept.keys().next().value);
    }
    return kept.get(address);
  };
};
