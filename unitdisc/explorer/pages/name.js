// Examples are played by keys while the field has the focus; a form is sent once, however often a key is pressed.
"use strict";
(() => {
  const form = document.getElementById("answer");
  const field = document.getElementById("typed");
  const examples = [...document.querySelectorAll(".examples li")].filter((each) => !each.querySelector(".play").disabled);
  let now = -1;

  const play = (number, kind) => {
    if (!examples.length) return;
    now = (number + examples.length) % examples.length;
    unitdisc.stop();
    examples.forEach((each, place) => each.classList.toggle("now", place === now));
    examples[now].scrollIntoView({ block: "nearest" });
    examples[now].querySelector(kind).click();
  };

  const keys = {
    ArrowDown: () => play(now + 1, ".play"),
    ArrowUp: () => play(now < 0 ? -1 : now - 1, ".play"),
    " ": () => play(Math.max(0, now), ".around"),
    Escape: () => unitdisc.stop(),
  };
  if (field) {
    field.addEventListener("keydown", (event) => {
      const action = keys[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey || (event.key === " " && field.value)) return;
      event.preventDefault();
      action();
    });
  }

  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; });
})();
