"use strict";

// The page has no inline script, so that its policy can forbid all of them.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// An operation's path is a link inside the button that opens it; a reader of screens can't tell them apart.
const plainPaths = {
  wrapComponents: {
    DeepLink: (_, { React }) => ({ text }) => React.createElement("span", null, text),
  },
};

const place = document.getElementById("swagger-ui");
SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  docExpansion: "list",
  plugins: [plainPaths],
});
