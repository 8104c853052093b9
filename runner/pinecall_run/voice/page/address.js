// Reads and writes the fragment of the page's address, where the chosen agent and the key are kept.

// Not URLSearchParams: it would turn the "+" of a key into a space.
export function readAddress(hash) {
  const found = { agent: null, key: null };
  for (const pair of hash.replace(/^#/, "").split("&")) {
    const cut = pair.indexOf("=");
    const name = pair.slice(0, cut);
    if (cut > 0 && Object.hasOwn(found, name)) found[name] = decoded(pair.slice(cut + 1)) || null;
  }
  return found;
}

export function writeAddress({ agent = null, key = null }) {
  const pairs = [];
  if (agent) pairs.push(`agent=${encodeURIComponent(agent)}`);
  if (key) pairs.push(`key=${encodeURIComponent(key)}`);
  return `#${pairs.join("&")}`;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray "%": take it as it was written
  }
}
