// Search in a folder of pages, without a server: the same patterns, over the rows in rows.js.
"use strict";
(() => {
  const LONGEST = 64;
  const SHOWN = 200;
  const NAME = String.raw`"(?:[^"\\]|\\.)*"|[^\s()|"?*+]+`;
  const TOKEN = new RegExp(String.raw`\s*(?:(\?)|(\*)|\((\s*(?:${NAME})\s*(?:\|\s*(?:${NAME})\s*)*)\)|(${NAME}))(\+)?`, "y");

  // The elements of a pattern: {symbols: Set or null for any, repeats, afterGap}. Throws an Error that says what is wrong.
  const parse = (text, row) => {
    const found = [];
    let gap = false;
    let place = 0;
    const symbolOf = new Map(row.names.map((name, symbol) => [name, symbol]));
    const symbol = (name) => {
      const plain = name.startsWith('"') ? name.slice(1, -1).replace(/\\(.)/g, "$1") : name;
      if (!symbolOf.has(plain)) throw new Error(`${row.title} has no "${plain}"`);
      return symbolOf.get(plain);
    };
    while (text.slice(place).trim()) {
      TOKEN.lastIndex = place;
      const match = TOKEN.exec(text);
      if (!match) throw new Error(`"${text.slice(place).trim().slice(0, 20)}" is no part of a pattern; put names with signs in it in ""`);
      place = TOKEN.lastIndex;
      const [, any, star, several, name, plus] = match;
      if (star) {
        if (plus || !found.length) throw new Error("* stands between others, and has no + after it");
        gap = true;
        continue;
      }
      const names = name ? [name] : several ? several.match(new RegExp(NAME, "g")) : [];
      found.push({ symbols: any ? null : new Set(names.map(symbol)), repeats: Boolean(plus), afterGap: gap });
      gap = false;
    }
    if (gap) throw new Error("* stands between others; leave it out at the end");
    if (!found.length || found.length > LONGEST) throw new Error(`give something to look for, such as 12 ? 30, and no more than ${LONGEST} parts`);
    if (found.every((element) => !element.symbols)) throw new Error("? stands for anything; name one at least");
    return found;
  };

  // As patterns.py: [first, last] of every occurrence in the symbols of one utterance.
  const occurrences = (symbols, pattern) => {
    const none = -1;
    const count = pattern.length;
    const greedy = pattern[count - 1].repeats;
    const fits = (element, each) => !element.symbols || element.symbols.has(each);
    let reached = new Array(count).fill(none);
    let passed = new Array(count).fill(none);
    let pending = none;
    const found = [];
    symbols.forEach((each, here) => {
      if (pending !== none) {
        if (fits(pattern[count - 1], each)) return;
        found.push([pending, here - 1]);
        pending = none;
      }
      for (let place = count - 1; place >= 0; place -= 1) {
        const element = pattern[place];
        let value;
        if (place) {
          const before = (element.afterGap ? passed : reached)[place - 1];
          value = element.repeats ? Math.max(before, reached[place]) : before;
        } else {
          value = element.repeats && reached[0] !== none ? reached[0] : here;
        }
        reached[place] = fits(element, each) ? value : none;
      }
      passed = passed.map((value, place) => Math.max(value, reached[place]));
      const start = reached[count - 1];
      if (start === none) return;
      if (greedy) pending = start;
      else found.push([start, here]);
      reached = new Array(count).fill(none);
      passed = new Array(count).fill(none);
    });
    if (pending !== none) found.push([pending, symbols.length - 1]);
    return found;
  };

  const listed = (row, place, [first, last]) => {
    const utterance = window.unitdiscUtterances[place];
    const [start, end] = [row.starts[place][first], row.ends[place][last]];
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { className: "play", ariaLabel: "play", disabled: !utterance.rate });
    Object.assign(button.dataset, { place, start, end, rate: utterance.rate || "" });
    const link = Object.assign(document.createElement("a"), { href: `utterance-${place}.html#${start}-${end}`, textContent: utterance.id });
    const time = utterance.rate ? `${(start / utterance.rate).toFixed(2)} to ${(end / utterance.rate).toFixed(2)} s` : `${start} to ${end}`;
    const said = Object.assign(document.createElement("span"), { className: "soft", textContent: ` ${time}${utterance.speaker ? `, ${utterance.speaker}` : ""}` });
    const text = document.createElement("div");
    text.append(link, said);
    item.append(button, text);
    return item;
  };

  document.getElementById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const row = window.unitdiscRows[document.getElementById("row").selectedIndex];
    const out = document.getElementById("found");
    const list = document.querySelector("#hits .hits");
    list.replaceChildren();
    let pattern;
    try {
      pattern = parse(document.getElementById("pattern").value, row);
    } catch (error) {
      out.textContent = error.message;
      return;
    }
    const found = row.symbols.flatMap((symbols, place) => occurrences(symbols, pattern).map((each) => [place, each]));
    const places = new Set(found.map(([place]) => place));
    const more = found.length > SHOWN ? `; the first ${SHOWN} are shown` : "";
    out.textContent = `${found.length} times in ${places.size} of ${row.symbols.length}${more}`;
    list.append(...found.slice(0, SHOWN).map(([place, each]) => listed(row, place, each)));
  });
  window.unitdiscSearch = { parse, occurrences };
})();
