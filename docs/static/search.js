// Finds the sections that contain every word of the query, as it was typed: dots, digits and dashes count.
// SECTIONS (sections.js) has, for each section: address, title of the page, heading, text.
const query = document.querySelector("#query");
const MOST = 40;

function count(text, word) {
  return text.toLowerCase().split(word).length - 1;
}

function search(words) {
  return SECTIONS.map(([url, page, heading, text]) => {
    const scores = words.map(word =>
      50 * Math.min(1, count(heading, word)) + 10 * Math.min(1, count(page, word)) + Math.min(20, count(text, word)));
    return {url, page, heading, text, score: scores.includes(0) ? 0 : scores.reduce((a, b) => a + b, 0)};
  }).filter(each => each.score).sort((a, b) => b.score - a.score);
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function excerpt(text, word) {
  const at = text.toLowerCase().indexOf(word);
  if (at < 0) return text.slice(0, 160) + (text.length > 160 ? "…" : "");
  const [from, to] = [Math.max(0, at - 70), at + word.length + 90];
  const mark = element("mark", "", text.slice(at, at + word.length));
  return element("span", "", from ? "…" : "", text.slice(from, at), mark, text.slice(at + word.length, to),
    to < text.length ? "…" : "");
}

function show() {
  const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length ? search(words) : [];
  const rarest = words.toSorted((a, b) => b.length - a.length)[0];
  const highlight = encodeURIComponent(words.join(" "));
  document.querySelector("#results").replaceChildren(...found.slice(0, MOST).map(each => {
    const [path, anchor] = each.url.split("#");
    const link = element("a", "", each.heading);
    link.href = `${path}?highlight=${highlight}#${encodeURIComponent(anchor)}`;
    const where = each.page === each.heading ? "" : element("span", "where", each.page);
    return element("li", "", link, where, element("p", "", excerpt(each.text, rarest)));
  }));
  const more = found.length > MOST ? `, of which you see ${MOST}` : "";
  document.querySelector("#found").textContent =
    !words.length ? "" : `${found.length || "No"} ${found.length === 1 ? "section" : "sections"}${more}`;
}

query.value = new URLSearchParams(location.search).get("q") ?? "";
query.addEventListener("input", () => {
  history.replaceState(null, "", query.value ? `?q=${encodeURIComponent(query.value)}` : location.pathname);
  show();
});
query.form.addEventListener("submit", event => event.preventDefault());
show();
