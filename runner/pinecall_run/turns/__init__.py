"""Turn taking: who speaks, who has finished, who was interrupted; numbers, texts and times in, actions out."""
