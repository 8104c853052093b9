// What a connection that broke leaves open: which messages the server has, which answers the page lacks.

// `sent` are the texts that have no answer here yet, `messages` what the server remembers, {role, content}.
// Returns the answers that were made meanwhile, the texts that the server has and will still answer, and those that
// never reached it.
export function reconcile(sent, messages) {
  const said = messages.filter(({ role }) => role === "user").map(({ content }) => content);
  let taken = Math.min(sent.length, said.length);
  while (!sent.slice(0, taken).every((text, place) => text === said[said.length - taken + place])) taken -= 1;
  const answers = turns(messages)
    .slice(said.length - taken)
    .filter((answer) => answer.length > 0)
    .map((answer) => answer.join("\n\n"));
  return { answers, owed: sent.slice(answers.length, taken), lost: sent.slice(taken) };
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
