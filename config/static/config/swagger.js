"use strict";

// The page has no inline script, so that its policy can forbid all of them.
const place = document.getElementById("swagger-ui");
SwaggerUIBundle({
  url: place.dataset.schema,
  domNode: place,
  deepLinking: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  docExpansion: "list",
});
