// Reads values of frames, whatever they hold.

export const listed = (value) => (Array.isArray(value) ? value : []);

// A text as it is, or the message of an error object; "" for the rest.
export function worded(value) {
  if (typeof value === "string") return value;
  return typeof value?.message === "string" ? value.message : "";
}
