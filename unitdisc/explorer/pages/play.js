// Sounds, one at a time: a stretch made by the server, or part of a file beside the page. "/" goes to the search.
"use strict";
const unitdisc = (() => {
  const isStatic = document.body.dataset.static === "yes";
  const audio = new Audio();
  let now = null; // {place, start, end, rate, ended}
  let turn = 0;

  const finish = () => {
    const was = now;
    now = null;
    audio.pause();
    if (was && was.ended) was.ended();
  };

  const tick = () => (now ? now.begins + audio.currentTime * now.rate : null);

  const watch = (own) => {
    if (own !== turn || !now) return;
    if (audio.ended || tick() >= now.end) return finish();
    if (now.step) now.step(tick());
    requestAnimationFrame(() => watch(own));
  };

  // part: {place, start, end, rate} in ticks; step(tick) is called while it sounds, ended() after it.
  const play = async (part, { step, ended } = {}) => {
    finish();
    const own = ++turn;
    now = { ...part, step, ended, begins: isStatic ? 0 : part.start };
    audio.src = isStatic ? `sounds/${part.place}.wav` : `/sound/${part.place}?start=${part.start}&end=${part.end}`;
    if (isStatic) {
      await new Promise((resolve) => ["loadedmetadata", "error"].forEach((name) => audio.addEventListener(name, resolve, { once: true })));
      if (own !== turn) return;
      audio.currentTime = part.start / part.rate;
    }
    try {
      await audio.play();
      watch(own);
    } catch (error) {
      if (own !== turn) return;
      finish();
      throw error;
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".play[data-place]");
    if (!button || button.disabled) return;
    if (button.classList.contains("on")) return finish();
    const [place, start, end, rate] = ["place", "start", "end", "rate"].map((name) => Number(button.dataset[name]));
    const done = () => button.classList.remove("on");
    play({ place, start, end, rate }, { ended: done }).catch(done);
    button.classList.add("on");
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
    const field = document.querySelector("[data-key='/']");
    if (!field) return;
    event.preventDefault();
    field.focus();
  });

  const filter = document.getElementById("filter");
  if (filter) {
    const rows = [...document.querySelectorAll("#list tbody tr")];
    filter.addEventListener("submit", (event) => event.preventDefault());
    filter.addEventListener("input", () => {
      const wanted = document.getElementById("text").value.trim().toLowerCase();
      rows.forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
    });
  }

  return { play, stop: finish, sounds: () => now !== null, isStatic };
})();
