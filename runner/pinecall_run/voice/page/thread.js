// What a connection that broke leaves open: which messages the server has, which answers the page lacks.

// `sent` are the texts that have no answer here yet, after `answered` others that have; `messages` is what the server
// remembers, {role, content}. Returns the answers that were made meanwhile, the texts that the server has and will
// still answer, and those that never reached it.
export function reconcile(sent, answered, messages) {
  const said = messages.filter(({ role }) => role === "user").map(({ content }) => content);
  const taken = countTaken(sent, answered, said);
  const answers = turns(messages)
    .slice(said.length - taken)
    .filter((answer) => answer.length > 0)
    .map((answer) => answer.join("\n\n"));
  return { answers, owed: sent.slice(answers.length, taken), lost: sent.slice(taken) };
}

// How many of `sent` are the last of `said`. Where the server has forgotten the beginning of a long thread counting does
// not tell, and what is the same counts as the same.
function countTaken(sent, answered, said) {
  const most = Math.min(sent.length, said.length);
  const isSo = (count) => sent.slice(0, count).every((text, place) => text === said[said.length - count + place]);
  let count = said.length - answered;
  if (count >= 0 && count <= most && isSo(count)) return count;
  count = most;
  while (!isSo(count)) count -= 1;
  return count;
}

// What was answered to each message of the person, in texts.
function turns(messages) {
  const answers = [];
  for (const { role, content } of messages) {
    if (role === "user") answers.push([]);
    else answers.at(-1)?.push(content);
  }
  return answers;
}
