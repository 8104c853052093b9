// Turns what tools take and give into text for people.

const SHORT = 96;

// JSON arrives as text in some places and as values in others.
export function valueOf(value) {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

// One line: `order: "A-17", lines: 3` for an object, JSON for the rest.
export function oneLine(value) {
  if (typeof value === "string") return value.replace(/\s+/g, " ");
  if (value === null || typeof value !== "object" || Array.isArray(value)) return JSON.stringify(value) ?? "";
  return Object.entries(value).map(([name, item]) => `${name}: ${JSON.stringify(item)}`).join(", ");
}

export function inFull(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2) ?? "";
}

export function isLong(text) {
  return text.length > SHORT;
}

export function shortened(text) {
  return isLong(text) ? `${text.slice(0, SHORT - 1).trimEnd()}…` : text;
}

// `phone +15551234567`, but only `chat` where the reference repeats the kind.
export function channelLine(kind, channel) {
  const refs = (channel?.refs ?? []).filter((ref) => ref !== kind);
  const more = refs.length - 2;
  return [kind, refs.slice(0, 2).join(", "), more > 0 ? `and ${more} more` : ""].filter(Boolean).join(" ");
}

// 0:42 for 42 seconds.
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// 0.68 s for 680 milliseconds.
export function secondsOf(milliseconds) {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
