// Click a picture to hear it; one sound at a time; a line shows what is being heard.
(() => {
  const clips = [...document.querySelectorAll(".clip")];

  const stop = () => clips.forEach((clip) => clip.querySelector("audio").pause());

  const start = (clip, share) => {
    stop();
    const audio = clip.querySelector("audio");
    audio.currentTime = share * (audio.duration || 0);
    return audio.play();
  };

  const follow = (clip) => {
    const audio = clip.querySelector("audio");
    const head = clip.querySelector(".head");
    const width = clip.querySelector("svg").viewBox.baseVal.width;
    const step = () => {
      head.setAttribute("visibility", audio.paused ? "hidden" : "visible");
      if (audio.paused) return;
      const x = (audio.currentTime / audio.duration) * width || 0;
      head.setAttribute("x1", x);
      head.setAttribute("x2", x);
      requestAnimationFrame(step);
    };
    audio.addEventListener("play", step);
  };

  const hear = (clip) => {
    const audio = clip.querySelector("audio");
    const picture = clip.querySelector("button");
    picture.addEventListener("click", (event) => {
      if (!audio.paused) return audio.pause();
      const frame = picture.getBoundingClientRect();
      const clicked = event.detail ? (event.clientX - frame.left) / frame.width : 0; // 0 from the keyboard
      start(clip, clip.closest(".compact") ? 0 : clicked).catch(() => {});
    });
    audio.addEventListener("play", () => clips.forEach((other) => other !== clip && other.querySelector("audio").pause()));
    if (clip.closest(".compact")) audio.controls = false;
    follow(clip);
  };

  const hearAll = (card) => {
    const button = card.querySelector(".all");
    button.hidden = false;
    button.addEventListener("click", async () => {
      for (const clip of card.querySelectorAll(".clip")) {
        const audio = clip.querySelector("audio");
        const ended = new Promise((resolve) => ["ended", "pause", "error"].forEach((name) => audio.addEventListener(name, resolve, { once: true })));
        await start(clip, 0);
        await ended;
        if (!audio.ended) return;
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
    });
  };

  clips.forEach(hear);
  document.querySelectorAll(".compact").forEach(hearAll);
})();
