// What scrolls can be scrolled with the keyboard, and the parts of the page have names.
function reachable() {
  for (const box of document.querySelectorAll("pre, .text_html, .image_png, .table-wrapper, .wide")) {
    if (box.scrollWidth > box.clientWidth) { box.tabIndex = 0; } else { box.removeAttribute("tabindex"); }
  }
}
document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Chapters");
document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
addEventListener("resize", reachable);
addEventListener("load", reachable);
document.addEventListener("toggle", reachable, true);  // an output that was folded away
