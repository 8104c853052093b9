// The widget's door, served as /widget.js: puts a call button into the page whose script tag names it (docs/channels/widget.md).

// The address is the one from the server's root, where this file is served, not the one in its folder.
import { Widget } from "./page/view-widget.js";

const isMine = (tag) => new URL(tag.src, document.baseURI).href === import.meta.url;

// A module runs once, however many tags name it.
for (const tag of document.querySelectorAll("script[src][data-agent]")) {
  if (isMine(tag)) document.body.append(new Widget(tag.dataset).element);
}
