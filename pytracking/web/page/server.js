// What the page asks the server for, and what the server sends: commands as JSON, views over a WebSocket.

// Who this page is, for the wheel: kept while the tab is, so that a reload steers on.
export const viewer = sessionStorage.viewer ??= [...crypto.getRandomValues(new Uint8Array(12))]
  .map((byte) => byte.toString(16).padStart(2, "0")).join("");

export function path(name, query = {}) {
  const words = new URLSearchParams({ ...query, viewer });
  return `/api/${name}?${words}`;
}

function socket(name, query) {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const opened = new WebSocket(`${scheme}//${location.host}${path(name, query)}`);
  opened.binaryType = "arraybuffer";
  return opened;
}

async function answer(response) {
  const said = await response.json().catch(() => ({ error: `the server answered ${response.status}` }));
  if (!response.ok) throw new Error(said.error);
  return said;
}

export async function ask(name) {
  return answer(await fetch(path(name)));
}

export async function act(name, fields = {}) {
  const body = JSON.stringify(fields);
  const headers = { "Content-Type": "application/json", "X-Viewer": viewer };
  return answer(await fetch(`/api/${name}`, { method: "POST", headers, body }));
}

// XMLHttpRequest, for fetch does not tell how far an upload has come.
export function upload(file, progress) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("PUT", path("upload", { name: file.name }));
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () =>
      request.status < 300 ? done(request.response) : fail(new Error(request.response?.error ?? "the upload failed"));
    request.onerror = () => fail(new Error("the upload was cut off: try again"));
    request.send(file);
  });
}

// Calls show(message, picture) for each message, picture being null where it has not changed, and acknowledges it when
// that is done: while this page is slow or hidden, nothing piles up. Returns a function that ends it.
export function stream(source, width, { hello, show, lost }) {
  let ended = false, opened = null, order = Promise.resolve();
  const begin = () => {
    opened = socket("stream", source ? { source, width } : { width });
    const mine = opened;
    mine.onmessage = ({ data }) => {
      if (typeof data === "string") return hello(JSON.parse(data).you);
      order = order.then(async () => {
        if (ended) return;
        const length = new DataView(data).getUint32(0);
        const message = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
        const coded = data.byteLength > 4 + length ? new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }) : null;
        await show(message, coded && await createImageBitmap(coded));
        if (mine.readyState === WebSocket.OPEN) mine.send("shown");
      }).catch((error) => console.error(error));
    };
    mine.onclose = () => {
      if (ended) return;
      lost();
      setTimeout(() => ended || begin(), 1000);
    };
  };
  begin();
  return () => { ended = true; opened.close(); };
}

// Sends pictures as they are asked for. make() gives a promise of a JPEG blob. Returns a function that ends it.
export function pushCamera(make, { opened, failed }) {
  const out = socket("camera", {});
  let ended = false;
  out.onmessage = async ({ data }) => {
    const said = JSON.parse(data);
    if (said.error) { ended = true; return failed(said.error); }
    if (said.source) opened(said.source);
    const picture = await make();
    if (picture && out.readyState === WebSocket.OPEN) out.send(picture);
  };
  out.onclose = () => { if (!ended) { ended = true; failed("the connection of the camera has ended: open it again"); } };
  return () => { ended = true; out.close(); };
}
