// The tenant's activity as it happens. An element with data-live="build" is refreshed by htmx (its trigger is
// "live") when an entry about builds arrives, one with an id when an entry about that object does, and one with
// an empty data-live at every entry. What happens while the connection is away is asked for by its number.
// A page that htmx puts in the place of another says with its data-stream whether it is live, too.
const TOGETHER = 300; // milliseconds: entries that come at once make one refresh
const LONGEST_WAIT = 30_000;
const DEAF_AFTER = 60_000; // the server pings every 25 seconds
const REFUSED = 1008;

let place = null;
let line = null;
let since = null;
let tries = 0;
let news = new Set();
let waiting = null;
let deaf = null;
let again = null;

function show(isLive) {
  place.classList.toggle("on", isLive);
  place.textContent = isLive ? "Live" : "Not connected; trying again";
}

function refresh(all) {
  const arrived = news;
  news = new Set();
  waiting = null;
  for (const element of document.querySelectorAll("[data-live]")) {
    const wanted = element.dataset.live.split(" ").filter(Boolean);
    if (all || !wanted.length || wanted.some((word) => arrived.has(word))) htmx.trigger(element, "live");
  }
}

function hear(message, socket) {
  clearTimeout(deaf);
  deaf = setTimeout(() => socket.close(), DEAF_AFTER);
  if (message.type === "ping") return;
  if (message.type === "connected") {
    tries = 0;
    show(true);
  } else if (message.type === "resync") {
    since = message.last_seq;
    refresh(true);
  } else {
    since = message.seq;
    news.add(message.type.split(".")[0]).add(message.payload.id);
    waiting ??= setTimeout(refresh, TOGETHER);
  }
}

function lose(event) {
  clearTimeout(deaf);
  show(false);
  if (event.code === REFUSED) place.textContent = "Not live: reload the page";
  else again = setTimeout(open, Math.min(LONGEST_WAIT, 500 * 2 ** tries++) * (0.5 + Math.random() / 2));
}

function open() {
  const address = new URL(place.dataset.stream, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.searchParams.set("since", since);
  const socket = new WebSocket(address);
  line = socket;
  // A line that was hung up has nothing more to say here.
  socket.addEventListener("message", (event) => { if (socket === line) hear(JSON.parse(event.data), socket); });
  socket.addEventListener("close", (event) => { if (socket === line) lose(event); });
}

function hangUp() {
  const socket = line;
  line = null;
  socket?.close();
  [deaf, again, waiting].forEach(clearTimeout);
  waiting = null;
  news = new Set();
}

// What was rendered by the server says by number what it knows; the line before may have heard more than that.
function look() {
  const found = document.querySelector("[data-stream]");
  if (found === place) return;
  hangUp();
  place = found;
  since = place?.dataset.since;
  if (place) open();
}

document.addEventListener("htmx:afterSettle", look);
look();
