// One request to the server: its patience, and its refusal as a sentence.

const PATIENCE_MS = 10_000;

// Its message is a sentence to show as it is; `status` is null when no answer came.
export class ApiError extends Error {
  constructor(message, status = null) {
    super(message);
    this.status = status;
  }
}

// Returns the answer's JSON, or null where there is none. With `body`, which goes as JSON, it is a POST.
export async function ask(address, { key = null, body, signal } = {}) {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response;
  try {
    response = await fetch(address, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(key ? { Authorization: `Bearer ${key}` } : {}),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: JSON.stringify(body),
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("the server cannot be reached");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const detail = typeof answer?.detail === "string" ? answer.detail : `the server answered with status ${response.status}`;
  throw new ApiError(detail, response.status);
}
