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
