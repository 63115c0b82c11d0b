// The page: what the server says becomes text, lists and pictures; what a person does becomes a command.
import { act, ask, path, stream, upload } from "./server.js";
import { openCamera } from "./camera.js";
import { Scores } from "./plot.js";
import { Screen, verdict } from "./screen.js";

const $ = (id) => document.getElementById(id);
const scores = new Scores();
const CONDITIONS = { opening: "opening", ended: "that was the last frame: the slider goes back" };
const LOST = "the server does not answer: trying again";
let choices = { sources: [], networks: {}, presets: {}, max_upload: 0 };
let heard = null; // the number of the last message that was said
let you = "", source = "", view = null, status = null;
let endStream = null, endCamera = null, redrawn = null, inside = null, recorded = "";

// --- what is said

function say(line, bad = false) {
  $("said").textContent = line;
  $("said").classList.toggle("bad", bad);
}

async function attempt(work, done = "") {
  try {
    const { result, status: now } = await work();
    if (now) showStatus(now);
    if (done) say(typeof done === "function" ? done(result) : done);
    return result ?? true;
  } catch (error) {
    say(error.message, true);
    return null;
  }
}

const command = (name, fields, done) => attempt(() => act(name, fields), done);

// --- boxes

let holding = Promise.resolve();

const screen = new Screen($("screen"), {
  start(held) {
    $("screen").dataset.held = held.number;
    say(redrawn ? `the new box of ${redrawn}; Escape cancels` : "the picture stands still while you draw; Escape cancels");
    holding = act("hold", { source: held.source, number: held.number });
    holding.catch((error) => { screen.cancel(error.message); });
  },
  async box(held, box) {
    try { await holding; } catch (error) { return say(error.message, true); }
    await place(box, held.number);
  },
  cancel(why) { redrawn = null; say(why); },
});

async function place(box, number, name = null) {
  const old = redrawn;
  redrawn = null;
  const fields = { box, number };
  if (old) await command("redraw", { ...fields, name: old }, `${old} begins anew in its new box`);
  else await command("add", { ...fields, source, name }, (added) => `${added} is tracked`);
}

$("numbers").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!view?.number) return say("there is no picture yet: open a source first", true);
  const form = new FormData(event.target), number = view.number;
  const box = ["x", "y", "w", "h"].map((key) => Number(form.get(key)));
  if (await command("hold", { source, number })) await place(box, number, form.get("name") || null);
});

// --- targets

function showTargets(targets) {
  const list = $("targets");
  $("none").hidden = targets.length > 0;
  const rows = new Map([...list.children].map((row) => [row.dataset.name, row]));
  for (const target of targets) {
    const row = rows.get(target.name) ?? targetRow(target.name);
    rows.delete(target.name);
    row.style.setProperty("--colour", target.colour);
    Object.assign(row.dataset, { status: target.status, box: target.box.join(","), score: target.score ?? "" });
    row.querySelector(".verdict").textContent = verdict(target);
    if (!row.isConnected) list.append(row);
  }
  for (const row of rows.values()) row.remove();
}

function targetRow(name) {
  const row = document.createElement("li");
  row.dataset.name = name;
  const input = Object.assign(document.createElement("input"), { value: name, maxLength: 40 });
  input.setAttribute("aria-label", `Name of ${name}`);
  input.addEventListener("change", async () => {
    const renamed = input.value.trim() && await command("rename", { old: name, new: input.value.trim() }, `${name} is now ${input.value.trim()}`);
    if (!renamed) input.value = name;
  });
  const words = Object.assign(document.createElement("span"), { className: "verdict" });
  const actions = Object.assign(document.createElement("div"), { className: "actions" });
  actions.append(
    button("Redraw", `Redraw ${name}`, () => { redrawn = name; say(`drag the new box of ${name}; Escape cancels`); $("screen").focus(); }),
    button("Look inside", `Look inside the tracker at ${name}`, () => watch(name)),
    button("Remove", `Remove ${name}`, () => command("remove", { name }, `${name} is no longer tracked`)));
  row.append(input, words, actions);
  return row;
}

function button(text, says, press) {
  const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
  made.setAttribute("aria-label", says);
  made.addEventListener("click", press);
  return made;
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && redrawn) { redrawn = null; say("cancelled, nothing has changed"); }
  if (event.target === $("screen") && event.key === " ") { event.preventDefault(); $("play").click(); }
});
$("reset").addEventListener("click", () => command("reset", {}, "all targets are forgotten"));

// --- inside the tracker

const PANELS = ["search_area", "score_map"];
const watch = (name) => command("watch", { source, name });

function showWatched(name) {
  if (name === inside) return;
  inside = name;
  $("inside").hidden = name === null;
  $("inside-title").textContent = name === null ? "" : `Inside the tracker: ${name}`;
  for (const panel of PANELS) $(panel).removeAttribute("src");
  $("panels").hidden = true;
  $("soon").hidden = false;
}

$("look-away").addEventListener("click", () => watch(null));

function showInside() {
  if (inside === null || !view?.seen) return;
  $("panels").hidden = false;
  $("soon").hidden = true;
  for (const panel of PANELS) {
    const image = $(panel);
    // the next picture is asked for when the last one has come
    if (image.complete) image.src = path(`panels/${panel}`, { source, sequence: view.sequence });
  }
}

// --- the whole

function showStatus(now) {
  status = now;
  const names = now.sources.map((one) => one.name);
  if (!names.includes(source)) turnTo(names[0] ?? "");
  showSources(names);
  const here = now.sources.find((one) => one.name === source);
  $("welcome").hidden = names.length > 0;
  showWatched(here?.watched ?? null);
  const over = names.length > 0 && now.sources.every((one) => one.condition.word === "ended");
  $("play").textContent = here?.paused || over ? "Play" : "Pause";
  const { word, line } = here?.condition ?? { word: "running" };
  $("condition").textContent = word === "running" ? "" : line || CONDITIONS[word];
  $("condition").classList.toggle("bad", ["stalled", "repeating", "lost"].includes(word));
  $("record").textContent = now.recording ? "Stop recording" : "Record";
  $("record").setAttribute("aria-pressed", String(Boolean(now.recording)));
  for (const id of ["record", "snapshot", "close"]) $(id).disabled = !here;
  for (const id of ["play", "step"]) $(id).disabled = !here || over;
  $("reset").disabled = now.targets.length === 0;
  const { holder, idle } = now.steering, mine = holder === you;
  $("steers").textContent = holder === null ? "Nobody steers" : mine ? "You steer" : `${holder} steers`;
  $("wheel").textContent = mine ? "Let go" : "Take the wheel";
  $("wheel").disabled = holder !== null && !mine && idle < 20;
  $("viewers").textContent = now.viewers === 1 ? "1 viewer" : `${now.viewers} viewers`;
  $("seeking").hidden = !here?.length;
  if (here?.length) $("seek").max = here.length;
  if (now.network && document.activeElement?.tagName !== "SELECT") {
    if (now.network in choices.networks) $("network").value = now.network;
    $("preset").value = now.preset in choices.presets && choices.networks[now.network] !== now.preset ? now.preset : "";
  }
  const message = now.messages.at(-1);
  if (heard !== null && message && message.number > heard) say(message.line, true);
  heard = message?.number ?? 0;
  if (recorded !== (now.recording ?? "")) { recorded = now.recording ?? ""; showFiles(); }
}

function showSources(names) {
  const bar = $("sources");
  if ([...bar.children].map((one) => one.dataset.source).join("\n") !== names.join("\n")) {
    bar.replaceChildren(...names.map((name) => {
      const made = button(name, `Watch ${name}`, () => turnTo(name));
      made.dataset.source = name;
      return made;
    }));
  }
  for (const one of bar.children) one.setAttribute("aria-current", String(one.dataset.source === source));
}

function showView(message, picture) {
  view = message.view;
  showStatus(message.status);
  if (!view || view.source !== source) return;
  screen.show(view, picture);
  showTargets(view.targets);
  Object.assign($("screen").dataset, { number: view.number, size: view.size.join("x"), source: view.source });
  if (view.number) {
    scores.add(view.number, view.targets);
    scores.draw($("scores"));
    $("scores").dataset.points = scores.count();
    if (document.activeElement !== $("seek")) $("seek").value = view.number;
    $("at").textContent = `${view.number} of ${$("seek").max}`;
  }
  const { end_to_end, tracker } = view.rates;
  $("rates").textContent = end_to_end < 0.5 ? "" : `${end_to_end.toFixed(0)} frames/s` + (tracker ? `, the tracker alone ${tracker.toFixed(0)}` : "");
  showInside();
}

function turnTo(name) {
  if (name === source && endStream) return;
  endStream?.();
  source = name;
  view = null;
  scores.clear();
  scores.draw($("scores"));
  showTargets([]);
  screen.clear();
  $("rates").textContent = "";
  const width = Math.round($("screen").clientWidth * (devicePixelRatio || 1));
  endStream = stream(name, width, {
    hello(label) {
      you = label;
      if ($("said").textContent === LOST) say("the server answers again");
    },
    show(message, picture) {
      return new Promise((done) => requestAnimationFrame(() => { showView(message, picture); done(); }));
    },
    lost() { say(LOST, true); },
  });
}

// --- what can be pressed

$("play").addEventListener("click", () => command($("play").textContent.toLowerCase()));
$("step").addEventListener("click", () => command("step"));
$("snapshot").addEventListener("click", async () => {
  await command("snapshot", { source }, (name) => `${name} is among the recordings`);
  showFiles();
});
$("record").addEventListener("click", () => status?.recording
  ? command("stop_recording", {}, (name) => `${name} is among the recordings`)
  : command("start_recording", {}, "recording"));
$("wheel").addEventListener("click", () => {
  const mine = status?.steering.holder === you;
  command("wheel", { action: mine ? "give" : "take" }, mine ? "the next who acts steers" : "you steer");
});

let seeking = false, wanted = null;
$("seek").addEventListener("input", async () => {
  wanted = Number($("seek").value);
  if (seeking) return;
  seeking = true;
  while (wanted !== null) {
    const number = wanted;
    wanted = null;
    await command("seek", { source, number });
  }
  seeking = false;
});

$("choose").addEventListener("click", () => {
  say("the network is being loaded");
  command("choose", { network: $("network").value, preset: $("preset").value || null }, "the targets begin anew in their boxes");
});
$("open").addEventListener("click", () => open($("offered").value));
$("close").addEventListener("click", () => command("close", { source }, `${source} is closed`));

async function open(name) {
  const opened = await command("open", { source: name }, (result) => `${result} is open`);
  if (opened) turnTo(opened);
}

for (const press of document.querySelectorAll("[data-open]")) {
  press.addEventListener("click", () => {
    if (press.dataset.open === "camera") camera();
    else if (press.dataset.open === "upload") $("file").click();
    else open(press.dataset.open);
  });
}

async function camera() {
  if (endCamera) { endCamera(); return cameraEnded("the camera is off"); }
  try {
    endCamera = await openCamera($("eye"), {
      opened(name) { say(`${name} is open: keep this page in view`); turnTo(name); },
      failed(line) { cameraEnded(line, true); },
    });
    $("camera").textContent = "Camera off";
  } catch (error) { say(error.message, true); }
}

function cameraEnded(line, bad = false) {
  endCamera = null;
  $("camera").textContent = "Browser’s camera";
  say(line, bad);
}

$("file").addEventListener("change", async () => {
  const [file] = $("file").files;
  $("file").value = "";
  if (!file) return;
  if (file.size > choices.max_upload) {
    return say(`${file.name} has more than ${Math.round(choices.max_upload / 1e6)} MB: cut or shrink it, or start the server with a larger --max-upload`, true);
  }
  const bar = $("progress");
  bar.hidden = false;
  const opened = await attempt(() => upload(file, (share) => {
    bar.value = share;
    say(share < 1 ? `${file.name}: ${Math.round(100 * share)} %` : `${file.name} is being checked`);
  }), (name) => `${name} is open`);
  bar.hidden = true;
  if (opened) turnTo(opened);
});

async function showFiles() {
  const { files } = await ask("files").catch(() => ({ files: [] }));
  $("no-files").hidden = files.length > 0;
  $("files").replaceChildren(...files.map(({ name, bytes }) => {
    const row = document.createElement("li"), link = document.createElement("a"), size = document.createElement("span");
    link.href = path(`files/${name.split("/").map(encodeURIComponent).join("/")}`);
    link.download = name.split("/").at(-1);
    link.textContent = name;
    size.textContent = bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
    row.append(link, size);
    return row;
  }));
}

// --- the beginning

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
}

async function begin() {
  try {
    choices = await ask("choices");
  } catch (error) {
    say(error.message, true);
    return void setTimeout(begin, 2000);
  }
  options($("offered"), choices.sources.map((name) => [name, name]));
  options($("network"), Object.keys(choices.networks).map((name) => [name, name]));
  options($("preset"), [["", "its own"], ...Object.entries(choices.presets).map(([name, purpose]) => [name, `${name}: ${purpose}`])]);
  $("demo").hidden = !choices.sources.includes("synthetic");
  turnTo("");
  showFiles();
}

begin();
