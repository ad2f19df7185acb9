"use strict";
// Keeps a page true while it is open: parts that changed are put in place, news is counted. Ends when nobody looks.
const { topic } = document.body.dataset, pending = new Map();
let source, silent;
const say = (state, text) => {
  const place = document.getElementById("stream");
  place.dataset.state = state;
  place.querySelector(".on-script").textContent = text;
};
const close = () => { source?.close(); source = undefined; clearTimeout(silent); };
const later = () => { clearTimeout(silent); silent = setTimeout(() => { close(); open(); }, 40_000); };
const put = () => pending.forEach((html, name) => {
  const places = [...document.querySelectorAll(`[data-live="${name}"]`)];
  if (places.some((place) => place.contains(document.activeElement))) return;  // somebody is at it: when they are done
  for (const place of places) place.innerHTML = html;
  pending.delete(name);
});
const open = () => {
  if (source || document.hidden) return;
  const version = encodeURIComponent(document.body.dataset.version);
  source = new EventSource(`/live?on=${encodeURIComponent(topic)}&version=${version}`);
  source.onopen = () => { say("live", "live"); later(); };
  source.onerror = () => { say("lost", "connection lost"); if (source?.readyState === 2) { close(); setTimeout(open, 3_000); } };
  source.addEventListener("tick", later);
  const on = (kind, act) => source.addEventListener(kind, (event) => {
    act(JSON.parse(event.data));
    document.body.dataset.version = event.lastEventId;
    later();
  });
  on("parts", (parts) => { Object.entries(parts).forEach(([name, html]) => pending.set(name, html)); put(); });
  on("news", (count) => {
    const place = document.querySelector("[data-news]"), total = Number(place.dataset.news || 0) + count;
    place.dataset.news = total;
    place.hidden = false;
    place.firstElementChild.textContent = `${total.toLocaleString("en")} new event${total === 1 ? "" : "s"}, reload`;
  });
};
if (topic) {
  document.addEventListener("visibilitychange", () => (document.hidden ? (close(), say("", "paused")) : open()));
  document.addEventListener("focusout", () => setTimeout(put));
  open();
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  event.preventDefault();
  document.getElementById("q").focus();
});
