// The only file that knows the server's URLs. Everything else calls these functions.

const BASE = "/api/v1";

const ROUTES = {
  models: "/models",
  studies: "/studies",
  study: "/studies/{study}",
  task: "/studies/{study}/tasks/{task}",
  tasks: "/tasks",
  pairs: "/pairs",
  pair: "/pairs/{pair}",
  job: "/jobs/{job}",
  reports: "/studies/{study}/report.json",
  reportPage: "/studies/{study}/report.html",
  reportPdf: "/studies/{study}/report.pdf",
  maskFile: "/studies/{study}/mask.nii.gz",
  segmentation: "/studies/{study}/seg.dcm",
  structuredReport: "/studies/{study}/sr.dcm",
  seriesReport: "/studies/{study}/series/{series}/report.json",
  slice: "/studies/{study}/series/{series}/slices/{index}.png",
  mask: "/studies/{study}/series/{series}/slices/{index}/mask.png",
  heat: "/studies/{study}/series/{series}/slices/{index}/heat.png",
  settings: "/settings",
  network: "/network",
  sendAgain: "/network/retry",
  reference: "/reference",
  similar: "/studies/{study}/series/{series}/similar",
  library: "/studies/{study}/series/{series}/library",
  benchmarks: "/benchmarks",
  benchmark: "/benchmarks/{run}",
  comparison: "/benchmarks/{before}/compare/{after}",
};

const FIRST_WAIT_MS = 60;
const LONGEST_WAIT_MS = 1000;
const BUSY_ATTEMPTS = 20;

/** What the server (or the way to it) says went wrong: `code`, `message`, and reports that came along. */
export class ApiError extends Error {
  constructor(status, code, message, reports = [], retryAfter = null) {
    super(message);
    this.name = "ApiError";
    Object.assign(this, { status, code, reports, retryAfter });
  }
}

function url(route, values = {}, query = {}) {
  const path = ROUTES[route].replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name]));
  const asked = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(asked).toString();
  return `${BASE}${path}${text ? `?${text}` : ""}`;
}

function failure(status, text, retryAfter) {
  let body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // Not JSON: something between the page and the server answered.
  }
  const { code = "unreachable", message = "" } = body.error ?? {};
  const reports = body.reports ?? (body.report ? [body.report] : []);
  return new ApiError(status, code, message, reports, retryAfter ? Number(retryAfter) : null);
}

async function call(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "");
  }
  if (!response.ok) throw failure(response.status, await response.text(), response.headers.get("Retry-After"));
  return response;
}

const json = async (address, options) => (await call(address, options)).json();

export const settings = () => json(url("settings"));
export const models = async () => (await json(url("models"))).models;
export const studies = async (limit = 100) => json(url("studies", {}, { limit }));
export const study = (uid) => json(url("study", { study: uid }));
export const removeStudy = (uid) => call(url("study", { study: uid }), { method: "DELETE" });
export const cancelJob = (job) => json(url("job", { job }), { method: "DELETE" });
export const reports = async (uid) => (await json(url("reports", { study: uid }))).reports;

/** Cases of the local library that resemble a series, and those of its own slices. */
export const similarCases = (uid, series, k = 6) => json(url("similar", { study: uid, series }, { k }));
export const removeCase = (uid, series, slice) => call(url("library", { study: uid, series }, { slice }), { method: "DELETE" });
export const addCase = (uid, series, label, slice) => json(url("library", { study: uid, series }), {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ label, slice }),
});

/** What can be started, and results on two series. */
export const tasks = async () => (await json(url("tasks"))).tasks;
export const pairs = async () => json(url("pairs"));
export const pair = (id) => json(url("pair", { pair: id }));
export const removePair = (id) => call(url("pair", { pair: id }), { method: "DELETE" });

/** Grey values of a slice of a layer; `address` is the server's, with {index} for the slice. */
export async function layerOf(address, index, signal) {
  const bitmap = await picture(address.replace("{index}", index), signal);
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  return Uint8ClampedArray.from({ length: data.length / 4 }, (_, i) => data[4 * i]);
}

/** What came over the network and what could not be sent; another try at the latter. */
export const network = () => json(url("network"));
export const retrySending = () => json(url("sendAgain"), { method: "POST" });

/** What the literature says of the kinds of tumour the model can name. */
export const reference = () => json(url("reference"));

/** Stored benchmark runs with their rows, the job that measures now, and why none can be started. */
export const benchmarks = (options) => json(url("benchmarks"), options);
export const startBenchmark = async () => (await json(url("benchmarks"), { method: "POST" })).job;
export const compareBenchmarks = (before, after) => json(url("comparison", { before, after }));
export const benchmarkUrl = (run) => url("benchmark", { run });

/** Sends files as one study; `onProgress` hears the share that has left. Answers with the study. */
export function createStudy(files, { signal, onProgress } = {}) {
  const form = new FormData();
  for (const file of files) form.append("files", file, file.webkitRelativePath || file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();  // fetch cannot report the progress of an upload
    request.open("POST", url("studies"));
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.onload = () => (request.status < 300
      ? resolve(JSON.parse(request.responseText))
      : reject(failure(request.status, request.responseText, request.getResponseHeader("Retry-After"))));
    request.onerror = () => reject(new ApiError(0, "unreachable", ""));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(form);
  });
}

const pause = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => {
    clearTimeout(timer);
    reject(new DOMException("cancelled", "AbortError"));
  }, { once: true });
});

/** Starts a task and answers with the job's id; waits its turn while the queue is full. */
export async function startTask(uid, task, { signal, options = {}, inputs } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await json(url("task", { study: uid, task }), {
        method: "POST", signal,
        headers: { "Content-Type": "application/json" }, body: JSON.stringify({ options, inputs }),
      });
      return answer.job;
    } catch (error) {
      if (error.status !== 503 || attempt === BUSY_ATTEMPTS) throw error;
      await pause(1000 * (error.retryAfter ?? 1), signal);
    }
  }
}

/** Asks for a job until it ends: quickly at first, then ever more patiently. Answers with the job. */
export async function waitForJob(id, { signal, onProgress } = {}) {
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 1.3, LONGEST_WAIT_MS)) {
    const job = await json(url("job", { job: id }), { signal });
    onProgress?.(job.progress, job.state);
    if (job.state === "failed") throw new ApiError(200, job.error?.code ?? "internal", job.error?.message ?? "");
    if (job.state === "done" || job.state === "cancelled") return job;
    await pause(wait, signal);
  }
}

async function picture(address, signal) {
  const response = await call(address, { signal });
  return createImageBitmap(await response.blob(), { colorSpaceConversion: "none" });
}

/** A slice as it is shown, window and level applied by the server; of the viewing grid, or of a `plane`. */
export function sliceBitmap(uid, series, index, { level, width } = {}, signal, plane = null) {
  return picture(url("slice", { study: uid, series, index }, { window: width, level, plane }), signal);
}

/** A layer of a slice (`mask` or `heat`), or null where there is none. */
export async function layerBitmap(layer, uid, series, index, signal, plane = null) {
  try {
    return await picture(url(layer, { study: uid, series, index }, { plane }), signal);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** The address of a small picture of a series, for lists. */
export const thumbnailUrl = (uid, series, index) => url("slice", { study: uid, series, index });

/** Addresses of what can be taken away of a report. */
export function downloads(uid, series, report) {
  const mask = Boolean(report.mask);
  const address = (name) => url(name, { study: uid }, { series });
  const dicom = report.input?.kind === "dicom";
  return {
    json: url("seriesReport", { study: uid, series }),
    html: address("reportPage"),
    pdf: address("reportPdf"),
    mask: mask ? address("maskFile") : null,
    seg: dicom && mask ? address("segmentation") : null,
    sr: dicom && mask ? address("structuredReport") : null,
  };
}
