// Loaded before the page is drawn, so that the phone's menu starts closed; without it the menu is open.
document.documentElement.classList.add("js");

async function copy(button) {
  const label = button.textContent;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = label; }, 2000);
}

function toggleMenu(button) {
  const open = document.getElementById("menu").classList.toggle("open");
  button.setAttribute("aria-expanded", String(open));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy) copy(button);
  if (button?.classList.contains("menu-button")) toggleMenu(button);
});

// What a form is answered takes the place of the page's content, also when it says what is wrong; whoever
// reads by ear begins there.
document.addEventListener("htmx:beforeSwap", (event) => {
  const isPage = event.detail.xhr.getResponseHeader("Content-Type")?.startsWith("text/html");
  if (event.detail.target.id === "main" && isPage) event.detail.shouldSwap = true;
});

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.requestConfig?.verb === "post") document.getElementById("main")?.focus({ preventScroll: true });
});
