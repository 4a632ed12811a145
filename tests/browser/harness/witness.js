// Runs in every page of every test, and looks at the log after every change of it: not only at the end, but at each
// state that a reader could have seen. Hands what it sees to `readrealmSaw` and what is wrong to `readrealmProblem`.

(() => {
  const told = new Set();
  const once = (key, tell) => {
    if (told.has(key)) return;
    told.add(key);
    tell();
  };
  const problem = (text) => once(text, () => window.readrealmProblem(text));

  function look() {
    const log = document.querySelector('[role="log"]');
    if (log === null) return;
    const title = document.querySelector("h1")?.textContent ?? "";
    let newest = 0;
    const contents = new Set();
    for (const article of log.querySelectorAll("article")) {
      const content = article.querySelector('[data-testid="content"]')?.textContent ?? "";
      if (contents.has(content)) problem(`"${content}" stood twice in the log of "${title}"`);
      contents.add(content);
      once(JSON.stringify([title, content]), () => window.readrealmSaw(title, content));
      if (article.dataset.seq === undefined) continue;
      const seq = Number(article.dataset.seq);
      if (!(seq > newest)) problem(`message ${seq} stood after ${newest} in the log of "${title}"`);
      newest = seq;
    }
  }

  new MutationObserver(look).observe(document, {
    subtree: true,
    childList: true,
    characterData: true,
    attributeFilter: ["data-seq"],
  });
})();
