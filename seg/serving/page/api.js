// Requests to this page's server: progress, waiting while it is busy, the token.

const TOKEN_KEY = "seg-token";
const MOST_ATTEMPTS = 20;
const DEFAULT_WAIT_S = 2;

export class ServerError extends Error {
  // status: of HTTP; 0: no answer.
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// Return the cards of the served networks, the default first.
export async function loadModels(askToken) {
  for (;;) {
    let answer;
    try {
      answer = await fetch("v1/models", { headers: authorization() });
    } catch {
      throw noAnswer();
    }
    if (answer.ok) return answer.json();
    if (answer.status !== 401) throw await errorOf(answer.status, await answer.blob());
    await renewToken(askToken);
  }
}

// Upload an image and return the answer as a blob. It waits and asks again while the server is busy.
// options: model, output; onProgress({phase: "upload" | "segment" | "wait", ...}); signal; askToken.
export async function predict(file, options) {
  const query = new URLSearchParams({ output: options.output, model: options.model });
  for (let attempt = 1; ; attempt++) {
    const answer = await send(file, `v1/predict?${query}`, options);
    if (answer.status === 200) return answer.response;
    if (answer.status === 401) {
      await renewToken(options.askToken);
    } else if (answer.status === 429 && attempt < MOST_ATTEMPTS) {
      const seconds = Number(answer.getResponseHeader("Retry-After")) || DEFAULT_WAIT_S;
      await wait(seconds, options);
    } else {
      throw await errorOf(answer.status, answer.response);
    }
  }
}

function send(file, address, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = "blob";
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress({ phase: "upload", share: event.loaded / event.total });
    });
    request.upload.addEventListener("load", () => onProgress({ phase: "segment" }));
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(noAnswer()));
    request.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    const form = new FormData();
    form.append("image", file, file.name);
    request.send(form);
  });
}

async function wait(seconds, { onProgress, signal }) {
  for (let left = Math.ceil(seconds); left > 0; left--) {
    onProgress({ phase: "wait", seconds: left });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    signal?.throwIfAborted();
  }
}

async function errorOf(status, blob) {
  let message = `The server answered with status ${status}.`;
  try {
    message = JSON.parse(await blob.text()).error ?? message;
  } catch {
    // no JSON: something between here and the server answered
  }
  return new ServerError(status, String(message));
}

function noAnswer() {
  return new ServerError(0, "The server does not answer.");
}

function authorization() {
  const token = sessionStorage.getItem(TOKEN_KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function renewToken(askToken) {
  const token = await askToken(sessionStorage.getItem(TOKEN_KEY) !== null);
  if (token === null) throw new ServerError(401, "The server answers only with its token.");
  sessionStorage.setItem(TOKEN_KEY, token);
}
